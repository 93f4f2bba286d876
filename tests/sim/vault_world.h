/* SPDX-License-Identifier: Apache-2.0 */
/* A hub with the socket for secrets, somebody at it, and somebody at its control socket. */
#ifndef TESTS_SIM_VAULT_WORLD_H
#define TESTS_SIM_VAULT_WORLD_H

#include "api_world.h"

#include "hub/api/secret_socket.h"
#include "hub/secret/rotation.h"
#include "hub/secret/secret.h"
#include "ipc/descriptor.h"
#include "ipc/msg_secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SEALED                                                                                     \
	"  - name: sealed\n    asn: 65004\n    tunnels:\n"                                         \
	"      - { identity: s.example.net, inside: 169.254.104.0/30, psk: 'secret:store' }\n"
#define ACCESS                                                                                     \
	"  access:\n"                                                                              \
	"    - { group: daemon, role: viewer }\n"                                                  \
	"    - { group: bin, role: operator }\n"                                                   \
	"    - { group: sys, role: secret-reader }\n"                                              \
	"    - { group: adm, role: admin }\n"                                                      \
	"    - { group: lp, role: admin, scope: north }\n"
#define KEY "a.sealed_secret.of.tests"

static char path[64];

static inline int begin(void **state)
{
	(void)state;
	world_directory();
	snprintf(path, sizeof(path), "%s/secret", world.dir);
	world_configure(ACCESS, WORLD_SITE("one", "1", "") SEALED);
	world_run();
	client.number = world_connect(&client.fd);
	world.hub->secrets = secret_socket_open(world.hub, path);
	return client.number && world.hub->secrets ? 0 : -1;
}

#define HUB_TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

/* ---- a client of the socket ---- */

static struct secret_answer answer;
static uid_t as; /* who connects; 0: who this is */

static inline int memfd_of(const char *text, unsigned int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

static inline int connected(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (as)
		assert_int_equal(seteuid(as), 0);
	assert_int_equal(connect(s, (struct sockaddr *)&un, sizeof(un)), 0);
	if (as)
		assert_int_equal(seteuid(0), 0);
	return s;
}

/* Sends so many bytes of a request with a descriptor; what comes back, or -1. False: no answer. */
static inline bool asks_socket(const void *request, size_t len, int own_fd, int *out)
{
	int s = connected();
	bool whole;
	ssize_t n;

	assert_int_equal(descriptor_send(s, request, len, own_fd, 0), len);
	if (own_fd >= 0)
		close(own_fd);
	world_turn();
	n = descriptor_receive(s, &answer, sizeof(answer), MSG_DONTWAIT, out, &whole);
	close(s);
	return n == sizeof(answer) && whole;
}

/* Why not; "": it was done. */
static inline const char *sets(const char *name, int own_fd)
{
	struct secret_request r = {.verb = SECRET_SET};
	int out;

	snprintf(r.name, sizeof(r.name), "%s", name);
	assert_true(asks_socket(&r, sizeof(r), own_fd, &out));
	assert_int_equal(out, -1);
	return answer.refused ? answer.text : "";
}

static inline const char *reveals(const char *name, char text[80])
{
	struct secret_request r = {.verb = SECRET_REVEAL};
	int out;

	memset(text, 0, 80);
	snprintf(r.name, sizeof(r.name), "%s", name);
	assert_true(asks_socket(&r, sizeof(r), -1, &out));
	assert_int_equal(answer.refused, out < 0);
	if (out >= 0) {
		assert_true(read(out, text, 79) > 0);
		close(out);
	}
	return answer.text;
}

static inline void heard(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not \"%s\" but \"%s\"", part, text);
}

#endif
