/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who comes over TCP. Hub accepts the connections, so that it knows from where, and hands each to the remote process, which
 * speaks TLS, with a number, as api gets those of the control socket. That somebody has a certificate is the word of
 * that process: so what it may is bounded by `api_role`, and by nothing that the process says.
 */
#ifndef SLUICE_HUB_API_REMOTE_H
#define SLUICE_HUB_API_REMOTE_H

#include "hub/api/access.h"
#include "hub/hub.h"
#include "ipc/msg_api.h"

struct remote;

struct remote *remote_new(void);
void remote_free(struct remote *r);

/* From now on at that socket, which listens already and does not block; -1: nowhere. */
void remote_listen(struct hub *h, int own_listener);
bool remote_listens(const struct hub *h);

/* A new remote process: nobody is connected to it yet. */
void remote_begin(struct hub *h);
void remote_gone(struct hub *h, uint32_t number);
void remote_certificate(struct hub *h, const struct imsg_api_certificate *m);

/* Who has that number, for its one request; a certificate has been shown if there is a subject. False: nobody. */
bool remote_asks(struct hub *h, uint32_t number, uint64_t now, struct asker *asker);

/* Gives the process its certificate, as the files are now. */
void remote_send_certificate(struct hub *h);

#endif
