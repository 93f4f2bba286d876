/* SPDX-License-Identifier: Apache-2.0 */
/* The socket for secrets (ipc/msg_secret.h). */
#ifndef SLUICE_HUB_API_SECRET_SOCKET_H
#define SLUICE_HUB_API_SECRET_SOCKET_H

#include "hub/hub.h"

struct secret_socket;

/* Opens it beside the control socket, whose groups it takes. NULL with errno. */
struct secret_socket *secret_socket_open(struct hub *h, const char *path);
void secret_socket_close(struct secret_socket *s);

#endif
