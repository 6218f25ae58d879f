/*
** version.h: the library's version, and the Stripe API that it is written for.
*/
#ifndef CM_VERSION_H
#define CM_VERSION_H

#define CM_VERSION "0.2.0"
#define CM_STRIPE_BASE_URL "https://api.stripe.com"
/* Always sent: without it a key's owner decides the version, and with it the shape of every object.
 */
#define CM_STRIPE_VERSION "2026-11-18.endive"

#endif
