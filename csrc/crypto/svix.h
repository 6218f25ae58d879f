/*
** svix.h: the signature of webhooks that are sent, as Codat's are signed (Svix, "Standard
** Webhooks", scheme v1). Lua-free.
*/
#ifndef CM_SVIX_H
#define CM_SVIX_H

#include "crypto/crypto.h"

#define CM_SVIX_PREFIX "whsec_"
#define CM_SVIX_SIZE 48 /* bytes of "v1,<base64>", its '\0' included */

typedef enum cm_svix { CM_SVIX_SIGNED, CM_SVIX_BAD_SECRET, CM_SVIX_FAILED } cm_svix;

cm_svix cm_svix_sign(cm_part secret, cm_part id, cm_part time, cm_part body,
                     char out[CM_SVIX_SIZE]);

#endif
