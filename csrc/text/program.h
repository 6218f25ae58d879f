/*
** program.h: a mapping as a program: which members of an object are read, what becomes of them, and
** the shapes of the records. Lua-free. It is built once and then run by mapper.h over the bytes of
** many objects.
**
** Everything is named by a number that the function gives which adds it: keys, expressions, lists
** of fields, sets of words, shapes. A number that does not exist, an argument of another scope
** and a second use of an expression are refused (CM_NONE), so that every program that was built can
** be run: it has no circles, and its work is bounded by its size and the object's.
**
** A scope is what keys are read from. Scope 0 is the object; each array whose elements are read is
** one more, inside another one. Key 0 is the object of scope 0.
*/
#ifndef CM_PROGRAM_H
#define CM_PROGRAM_H

#include "text/buf.h"

#include <stdint.h>

#define CM_NONE (-1)
#define CM_PROGRAM_DEPTH 32 /* most scopes, and expressions, inside one another */

/* The keys of scope 0 that every program has. */
#define CM_KEY_OBJECT 0
#define CM_KEY_ID 1
#define CM_KEY_LIVEMODE 2
#define CM_KEY_UPDATED 3

typedef enum cm_op { /* and their arguments; "up": how many scopes outwards the key is */
                     CM_OP_PATH, /* up, key: the value there */
                     CM_OP_ID,   /* up, key, key of the id inside it: the id of an object, or a bare
                                    id */
                     CM_OP_TEXT, /* text: a constant */
                     CM_OP_NUMBER,  /* text: a constant, a canonical number */
                     CM_OP_BOOLEAN, /* 0 or 1: a constant */
                     CM_OP_JSON,    /* text: a constant, the canonical JSON of an object or array */
                     CM_OP_CURRENCY,  /* expression */
                     CM_OP_MONEY,     /* amount, currency */
                     CM_OP_NEGATED,   /* expression */
                     CM_OP_INTEGER,   /* expression */
                     CM_OP_DECIMAL,   /* expression */
                     CM_OP_TIMESTAMP, /* expression */
                     CM_OP_FIRST,     /* expressions */
                     CM_OP_ENUM,      /* expression, words, default text or CM_NONE */
                     CM_OP_UNLISTED,  /* expression, words */
                     CM_OP_CALL,      /* number of a function, expressions */
                     CM_OP_OBJECT,    /* fields */
                     CM_OP_REF,       /* fields */
                     CM_OP_LIST,      /* expressions */
                     CM_OP_EACH,      /* up, key, fields of an inner scope */
                     CM_OP_ADDRESS,   /* up, key, text of the kind, then pairs: text of a name, key
                                         inside it */
                     CM_OP_SUPPLEMENTAL, /* fields, fields that stand beside them or CM_NONE */
                     CM_OP_NULLS,        /* fields: null where they give no value */
                     CM_OP_TALLY,        /* expression, number of a tally */
                     CM_OP_PARENT,       /* expression of the scope around */
                     CM_OP_SOURCE,       /* up, key: the JSON text of the value there, as a text */
                     CM_OP_WITHIN, /* expression that gives an object or its JSON text, expression
                                      of an inner scope, whose element it is */
                     CM_OP_SWITCH, /* expression, words whose translations are the numbers of
                                      branches from 1, default or CM_NONE, branches */
                     CM_OP_SIGN,   /* expression: "-", "0" or "+" */
                     CM_OP_PREFIX, /* expression: the letters before the underscore of an id */
                     CM_OP_REMAINDER, /* total, array, text of a member, expression to compute if
                                         the members of the elements do not add up to the total */
                     CM_OPS
} cm_op;

typedef enum cm_kind {
  CM_KIND_ANY,
  CM_KIND_BOOLEAN,
  CM_KIND_NUMBER,
  CM_KIND_STRING,
  CM_KIND_ENUM,
  CM_KIND_MAP,
  CM_KIND_OBJECT,
  CM_KIND_LIST,
  CM_KINDS
} cm_kind;

typedef struct cm_text {
  uint32_t at, len; /* in the pool */
} cm_text;

typedef struct cm_key {
  cm_text name;
  int scope, parent, first, next; /* CM_NONE at the end */
  int slot;                       /* its number in its scope */
  int table;                      /* where its hash table of inner keys begins */
  uint32_t mask;                  /* of that table */
} cm_key;

typedef struct cm_expr {
  cm_op op;
  int scope, first, count, depth; /* its arguments in `args` */
  bool used;
} cm_expr;

typedef struct cm_field {
  cm_text name;
  cm_text start; /* the name with its quotes and the colon */
  int expr;
} cm_field;

typedef struct cm_fields {
  int scope, first, count, depth;
  bool used;
} cm_fields;

typedef struct cm_word {
  cm_text word, ours;
  int next; /* of the same bucket */
} cm_word;

typedef struct cm_words {
  int buckets[32];
} cm_words;

typedef struct cm_member { /* of a shape */
  cm_text name;
  cm_text start; /* the name with its quotes and the colon */
  cm_kind kind;
  int words, shape;
  bool required;
} cm_member;

typedef struct cm_shape {
  int first, count;
} cm_shape;

typedef struct cm_scope {
  int parent, key, slots, depth;
} cm_scope;

typedef struct cm_recipe { /* how the records of one data type are made */
  int shape;
  int exprs;       /* place in `args`: an expression or CM_NONE for each member */
  int where;       /* CM_NONE: always */
  int each;        /* of a split: the array; CM_NONE: there is none */
  int inner;       /* its scope */
  int suffix;      /* an expression of that scope */
  int inner_where; /* as well */
  int inner_exprs; /* as well, as `exprs` */
  int id;          /* which member is the id; CM_NONE: the shape has none */
  int dated;       /* which one is the date of the last change */
  bool loose;      /* a record may be without an id: it is not stored as it is */
} cm_recipe;

typedef struct cm_program {
  cm_buf pool;
  cm_key *keys;
  cm_expr *exprs;
  int *args, *tables;
  cm_field *fields;
  cm_fields *lists;
  cm_word *words;
  cm_words *sets;
  cm_member *members;
  cm_shape *shapes;
  cm_scope *scopes;
  cm_recipe *recipes;
  int n_keys, n_exprs, n_args, n_tables, n_fields, n_lists, n_words, n_sets, n_members, n_shapes,
      n_scopes, n_recipes, n_tallies;
} cm_program;

typedef struct cm_given { /* bytes of the caller's */
  const char *at;
  size_t len;
} cm_given;

typedef struct cm_given_member {
  cm_given name;
  cm_kind kind;
  int words, shape;
  bool required;
} cm_given_member;

cm_program *cm_program_new(void);
int cm_program_scope(cm_program *p, int parent);
int cm_program_key(cm_program *p, int parent, cm_given name);
int cm_program_text(cm_program *p, cm_given text);
int cm_program_words(cm_program *p, const cm_given *words, const cm_given *ours, size_t n);
int cm_program_fields(cm_program *p, int scope, const cm_given *names, const int *exprs, size_t n);
int cm_program_expr(cm_program *p, int scope, cm_op op, const int *args, size_t n);
int cm_program_shape(cm_program *p, const cm_given_member *members, size_t n);
int cm_program_recipe(cm_program *p, const cm_recipe *given, const int *exprs, const int *inner,
                      size_t n);
bool cm_program_finish(cm_program *p);
void cm_program_free(cm_program *p);

/*
** The hash of a member's name or of a word.
*/
static inline uint32_t cm_program_hash(const char *name, size_t len) {
  if (len == 0)
    return 0;
  return (uint32_t)len * 5 + (unsigned char)name[0] * 31u + (unsigned char)name[len / 2] * 7u +
         (unsigned char)name[len - 1] * 17u;
}

#endif
