/* SPDX-License-Identifier: Apache-2.0 */
#include "hub_init.h"

#include "client.h"
#include "config/values.h"
#include "store/documents.h"
#include "store/tree.h"
#include "values.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "/etc/sluice"

static const char usage_text[] =
	"usage: sluice hub init --endpoint DEVICE=ADDRESS[,ADDRESS] [--endpoint ...]\n"
	"                       [--name NAME] [--as N] [--network PREFIX]... [KEY=VALUE...]\n"
	"writes the first hub.yaml and sluice.yaml of this machine, for root; keys are those of\n"
	"`sluice hub set`, which changes them from then on\n"
	"options: --dir DIRECTORY (" DIRECTORY ")\n";

static const char main_text[] =
	"# Sites may stand here, as sluice.yaml(5) says; `sluice site create` makes a file for "
	"each.\n"
	"# What the hub itself is stands in hub.yaml, which `sluice hub set` changes.\n"
	"sites: []\n";

static const struct option long_options[] = {
	{"endpoint", required_argument, NULL, 'e'},
	{"name", required_argument, NULL, 'n'},
	{"as", required_argument, NULL, 'a'},
	{"network", required_argument, NULL, 'p'},
	{"dir", required_argument, NULL, 'd'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int wrong(const char *what, const char *word)
{
	fprintf(stderr, "sluice: hub init: %s%s%s%s\nsee sluice hub init --help\n", what,
		word ? " '" : "", word ? word : "", word ? "'" : "");
	return CLIENT_USAGE;
}

/* ---- what the hub is to be ---- */

/* "eth0=198.51.100.1,2001:db8::1" */
static bool add_endpoint(json_t *hub, const char *text)
{
	const char *equals = strchr(text, '=');
	json_t *list = json_object_get(hub, "endpoints"), *addresses;

	if (!equals || equals == text || !equals[1])
		return false;
	if (!list) {
		list = json_array();
		json_object_set_new(hub, "endpoints", list);
	}
	addresses = json_array();
	for (const char *at = equals + 1; at; at = strchr(at, ',')) {
		at += *at == ',';
		json_array_append_new(addresses, json_stringn(at, strcspn(at, ",")));
	}
	json_array_append_new(
		list, json_pack("{s:o, s:o}", "device", json_stringn(text, (size_t)(equals - text)),
			      "addresses", addresses));
	return true;
}

static void add_network(json_t *hub, const char *prefix)
{
	json_t *list = json_object_get(hub, "networks");

	if (!list) {
		list = json_array();
		json_object_set_new(hub, "networks", list);
	}
	json_array_append_new(list, json_string(prefix));
}

static bool add_word(json_t *tree, const char *word)
{
	json_t *values = json_object(), *value;
	bool ok = values_add(values, values_of_hub(word), word);
	const char *path;

	json_object_foreach(values, path, value)
		ok = ok && tree_set(tree, path, json_incref(value));
	json_decref(values);
	return ok;
}

/* As the machine calls itself, without its domain. */
static void add_name(json_t *hub)
{
	char name[HOST_NAME_MAX + 1] = "";

	(void)gethostname(name, sizeof(name) - 1);
	name[strcspn(name, ".")] = '\0';
	json_object_set_new(hub, "name", json_string(name_is_valid(name) ? name : "hub"));
}

static int read_words(int argc, char **argv, json_t *tree, const char **directory)
{
	json_t *hub = json_object_get(tree, "concentrator");
	int option;

	argv[0] = "sluice";
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (option) {
		case 'e':
			if (!add_endpoint(hub, optarg))
				return wrong("DEVICE=ADDRESS is expected, not", optarg);
			break;
		case 'n':
			json_object_set_new(hub, "name", json_string(optarg));
			break;
		case 'a':
			json_object_set_new(hub, "asn", json_string(optarg));
			break;
		case 'p':
			add_network(hub, optarg);
			break;
		case 'd':
			*directory = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return -1;
		default: /* getopt has named it */
			return wrong("it is not understood", NULL);
		}
	}
	for (int i = optind; i < argc; i++) {
		if (!add_word(tree, argv[i]))
			return wrong("KEY=VALUE is expected, not", argv[i]);
	}
	if (!json_object_get(hub, "endpoints"))
		return wrong("which addresses do the devices reach? --endpoint", NULL);
	if (!json_object_get(hub, "name"))
		add_name(hub);
	return CLIENT_OK;
}

/* ---- its files ---- */

static bool is_there(const char *path)
{
	if (access(path, F_OK))
		return false;
	fprintf(stderr,
		"sluice: %s is there already, and stays: `sluice hub show` says what the hub is, "
		"`sluice hub set` changes it\n",
		path);
	return true;
}

/* The same checks as those of the daemon. */
static bool is_a_configuration(const char *path, const char *hub_text, size_t len)
{
	struct documents *d = calloc(1, sizeof(*d));
	char error[CONFIG_ERROR_SIZE], *copy = strndup(hub_text, len);
	struct config *c;

	if (!d || !copy)
		abort();
	documents_put(d, "", strdup(main_text), strlen(main_text));
	documents_put(d, DOCUMENT_HUB, copy, len);
	documents_stand(d, path);
	c = documents_config(d, error);
	if (!c)
		fprintf(stderr, "sluice: nothing was written:\n%s\n", error);
	config_free(c);
	documents_free(d);
	return c;
}

static bool write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), error;
	bool ok = fd >= 0 && document_write(fd, text, len);

	error = errno;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && !ok)
		(void)unlink(path);
	errno = error;
	return ok;
}

/* The one that a daemon starts with comes last. */
static bool write_files(
	const char *directory, const char *own, const char *main, const char *text, size_t len)
{
	bool ok;
	int error;

	if (mkdir(directory, 0755) && errno != EEXIST)
		return false;
	if (!write_file(own, text, len))
		return false;
	ok = write_file(main, main_text, strlen(main_text)) && file_sync_directory(directory);
	error = errno;
	if (!ok)
		(void)unlink(own);
	errno = error;
	return ok;
}

static int write_all(const char *directory, const json_t *tree)
{
	char own[PATH_MAX], main[PATH_MAX], *text;
	int status = CLIENT_REFUSED;
	size_t len;

	snprintf(own, sizeof(own), "%s/hub.yaml", directory);
	snprintf(main, sizeof(main), "%s/sluice.yaml", directory);
	if (is_there(main) || is_there(own))
		return CLIENT_REFUSED;
	text = tree_text(tree, &len);
	if (is_a_configuration(main, text, len)) {
		if (write_files(directory, own, main, text, len))
			status = CLIENT_OK;
		else
			fprintf(stderr, "sluice: %s: %s; nothing was written\n", directory,
				strerror(errno));
	}
	free(text);
	return status;
}

int hub_init_main(int argc, char **argv)
{
	json_t *tree = json_pack("{s:{}}", "concentrator");
	const char *directory = DIRECTORY;
	int status = read_words(argc, argv, tree, &directory);

	if (status == CLIENT_OK) {
		status = write_all(directory, tree);
		if (status == CLIENT_OK)
			printf("%s/hub.yaml and sluice.yaml are written; `systemctl enable --now "
			       "sluiced` starts the hub, `sluice site create NAME` makes a site\n",
				directory);
	}
	json_decref(tree);
	return status < 0 ? CLIENT_OK : status;
}
