/*
** signature.h: the Stripe-Signature header of a webhook, scheme v1 (Stripe docs, Webhook
** signatures). Lua-free.
*/
#ifndef CM_SIGNATURE_H
#define CM_SIGNATURE_H

#include "crypto/crypto.h"

#define CM_SIGNATURES 16    /* v1 signatures looked at; Stripe sends one for each valid secret */
#define CM_TIMESTAMP_MAX 15 /* digits of a time: exact in a LuaJIT number */

typedef struct cm_signature {
  cm_part time;              /* its digits as they stand in the header; n 0: none */
  cm_part v1[CM_SIGNATURES]; /* in hexadecimal, as sent */
  int count;
} cm_signature;

void cm_signature_parse(cm_signature *s, const char *header, size_t n);
double cm_signature_time(const cm_signature *s);
bool cm_signature_check(const cm_signature *s, cm_part secret, cm_part body, bool *matches);

#endif
