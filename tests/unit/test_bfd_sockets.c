/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that hear BFD: one an address, nobody else's, and nothing left of those that are not wanted. */
#include "base/addr.h"
#include "base/clock.h"
#include "hub/site/bfd_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static const struct ip_addr at = {.family = AF_INET, .bytes = {127, 0, 84, 37}};

/* Somebody on the host, who needs no right to: the errno of his bind, or 0. */
static int rival_binds(int *fd)
{
	struct ip_endpoint where = {.addr = at, .port = 3784};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&where, &ss);
	int on = 1;

	*fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(*fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	return bind(*fd, (struct sockaddr *)&ss, len) ? errno : 0;
}

static void assert_taken(void)
{
	int rival;

	assert_int_equal(rival_binds(&rival), EADDRINUSE);
	close(rival);
}

static uint64_t cookie(int fd)
{
	uint64_t c = 0;
	socklen_t len = sizeof(c);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &c, &len), 0);
	return c;
}

static void test_nobody_beside(void **state)
{
	struct bfd_sockets *s = bfd_sockets_new();
	uint64_t now = CLOCK_SECOND, which;
	int fd, again, rival;

	(void)state;
	fd = bfd_sockets_get(s, "lo", &at);
	assert_true(fd >= 0);
	assert_taken();
	/* Told anew, as with each change of the site: the same socket. */
	again = bfd_sockets_get(s, "lo", &at);
	which = cookie(fd);
	assert_int_equal(cookie(again), which);
	close(fd);
	close(again);
	assert_taken(); /* while bgp is not there */
	/* Another tunnel has the address at once. */
	bfd_sockets_leave(s, &at, now);
	fd = bfd_sockets_get(s, "lo", &at);
	assert_int_equal(cookie(fd), which);
	close(fd);
	bfd_sockets_look(s, now + 2 * CLOCK_SECOND);
	assert_taken();
	/* Nobody has it any more. */
	bfd_sockets_leave(s, &at, now);
	bfd_sockets_look(s, now + CLOCK_SECOND / 2);
	assert_taken();
	bfd_sockets_look(s, now + CLOCK_SECOND);
	assert_int_equal(rival_binds(&rival), 0);
	assert_int_equal(bfd_sockets_get(s, "lo", &at), -1); /* logged */
	close(rival);
	fd = bfd_sockets_get(s, "lo", &at);
	assert_true(fd >= 0);
	close(fd);
	bfd_sockets_free(s);
	assert_int_equal(rival_binds(&rival), 0);
	close(rival);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_nobody_beside)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
