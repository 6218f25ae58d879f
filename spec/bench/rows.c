/*
** The rows of payments of one database written into a new one with the same table and indexes, by
** SQLite alone: a transaction for each hundred. Reading them is not counted.
**   rows FROM TO OBJECTS
*/
#define _GNU_SOURCE
#include "usage.h"

#include <sqlite3.h>
#include <stdlib.h>

#define PAGE 100

static sqlite3 *from, *to;

static void must(int ok) {
  if (!ok) {
    fprintf(stderr, "rows: %s; %s\n", sqlite3_errmsg(from), sqlite3_errmsg(to));
    exit(1);
  }
}

static void run(const char *sql) {
  must(sqlite3_exec(to, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement;
  must(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK);
  return statement;
}

static void copy_schema(void) {
  sqlite3_stmt *statements = prepare(
      from, "SELECT sql FROM sqlite_master WHERE tbl_name = 'payments' AND sql IS NOT NULL "
            "ORDER BY type = 'index'");
  while (sqlite3_step(statements) == SQLITE_ROW)
    run((const char *)sqlite3_column_text(statements, 0));
  sqlite3_finalize(statements);
}

/* Reads the next page of rows into memory. */
static int read_page(sqlite3_stmt *rows, sqlite3_value *page[PAGE][3]) {
  int n = 0, i;
  while (n < PAGE && sqlite3_step(rows) == SQLITE_ROW) {
    for (i = 0; i < 3; i++)
      page[n][i] = sqlite3_value_dup(sqlite3_column_value(rows, i));
    n++;
  }
  return n;
}

static void write_page(sqlite3_stmt *insert, sqlite3_value *page[PAGE][3], int n) {
  int i, k;
  run("BEGIN IMMEDIATE");
  for (i = 0; i < n; i++) {
    for (k = 0; k < 3; k++)
      sqlite3_bind_value(insert, k + 1, page[i][k]);
    must(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_reset(insert);
  }
  run("COMMIT");
}

int main(int argc, char **argv) {
  sqlite3_stmt *rows, *insert;
  sqlite3_value *page[PAGE][3];
  usage spent = {0, 0};
  int n, i, k;
  if (argc != 4)
    return 2;
  must(sqlite3_open(argv[1], &from) == SQLITE_OK && sqlite3_open(argv[2], &to) == SQLITE_OK);
  run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000");
  copy_schema();
  rows = prepare(from, "SELECT connection_id, id, data FROM payments ORDER BY rowid");
  insert = prepare(to, "INSERT INTO payments (connection_id, id, data) VALUES (?, ?, ?)");
  do { /* a statement that ended would begin again: the last page is not full */
    usage before, after;
    n = read_page(rows, page);
    before = usage_now();
    write_page(insert, page, n);
    after = usage_now();
    spent.cpu += after.cpu - before.cpu;
    spent.wall += after.wall - before.wall;
    for (i = 0; i < n; i++)
      for (k = 0; k < 3; k++)
        sqlite3_value_free(page[i][k]);
  } while (n == PAGE);
  usage_print(strtol(argv[3], NULL, 10), spent);
  sqlite3_finalize(rows);
  sqlite3_finalize(insert);
  sqlite3_close(from);
  sqlite3_close(to);
  return 0;
}
