/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager hears of hub, on a socket as systemd has it: sd_notify(3), without its library. */
#include "base/clock.h"
#include "hub/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static int manager = -1;
static struct sockaddr_un at;

static int bind_manager(const char *name, size_t len)
{
	at = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(at.sun_path, name, len);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return bind(manager, (struct sockaddr *)&at,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

static int teardown(void **state)
{
	(void)state;
	close(manager);
	if (at.sun_path[0])
		unlink(at.sun_path);
	manager = -1;
	return 0;
}

/* "": nothing. */
static const char *heard(void)
{
	static char text[64];
	ssize_t n = recv(manager, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void start_at(const char *socket, const char *microseconds)
{
	setenv("NOTIFY_SOCKET", socket, 1);
	setenv("WATCHDOG_PID", "1", 1);
	if (microseconds)
		setenv("WATCHDOG_USEC", microseconds, 1);
	notify_init();
	/* Children must not speak for hub. */
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
}

static void it_is_told_at_its_socket(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/sluice-notify-%d", (int)getpid());
	assert_int_equal(bind_manager(path, strlen(path) + 1), 0);
	start_at(path, NULL);
	notify_send("READY=1");
	assert_string_equal(heard(), "READY=1");
	notify_alive(100 * CLOCK_SECOND); /* nobody asked for that */
	assert_string_equal(heard(), "");
}

static void the_name_may_be_abstract(void **state)
{
	char name[64];
	int n;

	(void)state;
	n = snprintf(name, sizeof(name), "@sluice-notify-%d", (int)getpid());
	name[0] = '\0';
	assert_int_equal(bind_manager(name, (size_t)n), 0);
	name[0] = '@';
	start_at(name, NULL);
	notify_send("STOPPING=1");
	assert_string_equal(heard(), "STOPPING=1");
}

/* In half the time that is given, so that one that comes late comes in time. */
static void the_watchdog_hears_of_it(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/sluice-notify-%d", (int)getpid());
	assert_int_equal(bind_manager(path, strlen(path) + 1), 0);
	start_at(path, "10000000");
	notify_alive(100 * CLOCK_SECOND);
	assert_string_equal(heard(), "WATCHDOG=1");
	notify_alive(104 * CLOCK_SECOND);
	assert_string_equal(heard(), "");
	notify_alive(105 * CLOCK_SECOND);
	assert_string_equal(heard(), "WATCHDOG=1");
}

/* Without a manager, with a name that is none, or with one that has gone, nothing happens. */
static void nobody_need_listen(void **state)
{
	char path[64];

	(void)state;
	notify_init();
	notify_send("READY=1");
	snprintf(path, sizeof(path), "/tmp/sluice-notify-%d", (int)getpid());
	assert_int_equal(bind_manager(path, strlen(path) + 1), 0);
	start_at("relative", NULL);
	notify_send("READY=1");
	assert_string_equal(heard(), "");
	start_at(path, NULL);
	close(manager);
	notify_send("READY=1");
	manager = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(it_is_told_at_its_socket, teardown),
		cmocka_unit_test_teardown(the_name_may_be_abstract, teardown),
		cmocka_unit_test_teardown(the_watchdog_hears_of_it, teardown),
		cmocka_unit_test_teardown(nobody_need_listen, teardown),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
