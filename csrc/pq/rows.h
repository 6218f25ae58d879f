/*
** rows.h: rows of records as array literals, one for each column: what a statement with unnest()
** takes. The values of the typed columns are read out of the records' JSON.
*/
#ifndef PQ_ROWS_H
#define PQ_ROWS_H

#include "bind/compat.h"

#define PQ_ROWS "commerce.pq.rows"

void pq_open_rows(lua_State *L);
int pq_rows(lua_State *L);

#endif
