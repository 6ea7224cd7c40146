/* Names that clients of the token endpoint write, and its metadata tells. */
#ifndef GATEWAY_OAUTH_H
#define GATEWAY_OAUTH_H

#define OAUTH_TOKEN_PATH    "/oauth2/token"
#define OAUTH_REGISTER_PATH "/oauth2/register"

#define GRANT_CLIENT   "client_credentials"                              /* RFC 6749 */
#define GRANT_EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange" /* RFC 8693 */

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" /* RFC 7523 */

#define TYPE_JWT          "urn:ietf:params:oauth:token-type:jwt" /* RFC 8693 section 3 */
#define TYPE_ID_TOKEN     "urn:ietf:params:oauth:token-type:id_token"
#define TYPE_ACCESS_TOKEN "urn:ietf:params:oauth:token-type:access_token"

#endif
