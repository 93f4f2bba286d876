/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice ca`: its words and options. */
#include "ca.h"

#include "base/identity.h"
#include "client.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAYS_MAX 36500

static const char usage_text[] =
	"usage: sluice ca init [--subject DN]                 the root authority\n"
	"       sluice ca subordinate NAME [--subject DN]     one below it\n"
	"       sluice ca issue NAME [--identity ID]... [--subject DN] [--renew]\n"
	"       sluice ca renew NAME                          when it ends soon, and lists\n"
	"       sluice ca revoke NAME|SERIAL                  and a new revocation list\n"
	"       sluice ca crl                                 a new revocation list\n"
	"       sluice ca list [--json]\n"
	"options: --dir DIRECTORY (" CA_DIRECTORY "), --authority NAME (" CA_ROOT ")\n"
	"         --days N, --key "
	"ecdsa-p256|ecdsa-p384|ecdsa-p521|rsa-2048|rsa-3072|rsa-4096|ed25519\n";

enum option_bit {
	TAKES_SUBJECT = 1,
	TAKES_IDENTITY = 2,
	TAKES_DAYS = 4,
	TAKES_KEY = 8,
	TAKES_AUTHORITY = 16,
	TAKES_RENEW = 32,
	TAKES_JSON = 64,
};

static const struct command {
	const char *word;
	bool takes_name, makes_directory;
	unsigned int options; /* of enum option_bit; --dir is everybody's */
	int (*run)(const struct ca_options *o);
} commands[] = {
	{"init", false, true, TAKES_SUBJECT | TAKES_DAYS | TAKES_KEY, ca_init},
	{"subordinate", true, false, TAKES_SUBJECT | TAKES_DAYS | TAKES_KEY, ca_subordinate},
	{"issue", true, false,
		TAKES_SUBJECT | TAKES_IDENTITY | TAKES_DAYS | TAKES_KEY | TAKES_AUTHORITY |
			TAKES_RENEW,
		ca_issue},
	{"renew", true, false, TAKES_DAYS | TAKES_AUTHORITY, ca_renew},
	{"revoke", true, false, TAKES_DAYS | TAKES_AUTHORITY, ca_revoke},
	{"crl", false, false, TAKES_DAYS | TAKES_AUTHORITY, ca_crl},
	{"list", false, false, TAKES_JSON, ca_list},
};

static const struct {
	const char *name;
	enum key_kind kind;
	unsigned int bits;
} keys[] = {
	{"ecdsa-p256", KEY_P256, 0},
	{"ecdsa-p384", KEY_P384, 0},
	{"ecdsa-p521", KEY_P521, 0},
	{"rsa-2048", KEY_RSA, 2048},
	{"rsa-3072", KEY_RSA, 3072},
	{"rsa-4096", KEY_RSA, 4096},
	{"ed25519", KEY_ED25519, 0},
};

static const struct option long_options[] = {
	{"dir", required_argument, NULL, 'd'},
	{"help", no_argument, NULL, 'h'},
	{"subject", required_argument, NULL, 's'},
	{"identity", required_argument, NULL, 'i'},
	{"days", required_argument, NULL, 'D'},
	{"key", required_argument, NULL, 'k'},
	{"authority", required_argument, NULL, 'a'},
	{"renew", no_argument, NULL, 'r'},
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

static bool wrong(const char *what, const char *word)
{
	fprintf(stderr, "sluice: %s '%s'\n%s", what, word, usage_text);
	return false;
}

/* As in the configuration: an address, a mailbox or a name. */
static bool read_identity(const char *text, struct ca_options *o)
{
	struct ike_identity id;

	if (o->name_count == CA_NAMES_MAX)
		return wrong("too many identities at", text);
	/* A KEY_ID stands in no certificate, a distinguished name is --subject. */
	if (!identity_parse(text, &id) || id.type == IKE_ID_DN || id.type == IKE_ID_KEY_ID)
		return wrong("not an address, a mailbox or a name:", text);
	o->names[o->name_count] = id;
	o->name_count++;
	return true;
}

static bool read_key_type(const char *text, struct ca_options *o)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, text))
			continue;
		o->kind = keys[i].kind;
		o->rsa_bits = keys[i].bits;
		o->key_given = true;
		return true;
	}
	return wrong("no such kind of key:", text);
}

/* Names are file names: nothing that leads elsewhere or hides. */
static bool is_name(const char *text)
{
	return text[0] && strlen(text) < CA_NAME_SIZE && text[0] != '.' && text[0] != '-' &&
	       !text[strspn(
		       text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")];
}

static bool read_option(int option, struct ca_options *o)
{
	struct ike_identity dn;
	char *end;

	switch (option) {
	case 'd':
		o->directory = optarg;
		return true;
	case 's':
		o->subject = optarg;
		return dn_from_text(optarg, &dn) || wrong("not a distinguished name:", optarg);
	case 'i':
		return read_identity(optarg, o);
	case 'D':
		o->days = strtol(optarg, &end, 10);
		return (!*end && o->days >= 1 && o->days <= DAYS_MAX) ||
		       wrong("not a number of days:", optarg);
	case 'k':
		return read_key_type(optarg, o);
	case 'a':
		o->authority = optarg;
		return is_name(optarg) || wrong("not the name of an authority:", optarg);
	case 'r':
		o->renew = true;
		return true;
	case 'j':
		o->json = true;
		return true;
	default:
		fputs(usage_text, stderr);
		return false;
	}
}

static const struct command *find_command(const char *word)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(commands[i].word, word))
			return &commands[i];
	}
	wrong("unknown command", word);
	return NULL;
}

static bool may_take(const struct command *c, int option)
{
	static const struct {
		int option;
		enum option_bit bit;
	} bits[] = {{'s', TAKES_SUBJECT}, {'i', TAKES_IDENTITY}, {'D', TAKES_DAYS},
		{'k', TAKES_KEY}, {'a', TAKES_AUTHORITY}, {'r', TAKES_RENEW}, {'j', TAKES_JSON}};

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (bits[i].option == option && !(c->options & bits[i].bit))
			return wrong("an option that is not for", c->word);
	}
	return true;
}

static bool read_words(const struct command *c, int words, char **word, struct ca_options *o)
{
	if (words != (c->takes_name ? 1 : 0))
		return wrong(
			words ? "one word too many or too few after" : "a name is missing after",
			c->word);
	if (c->takes_name)
		o->name = word[0];
	if (!is_name(o->name))
		return wrong("not a name that a file can have:", o->name);
	if (c->run == ca_subordinate && !strcmp(o->name, CA_ROOT))
		return wrong("the name is taken:", o->name);
	if (c->run == ca_issue && !o->name_count && !o->subject)
		return wrong("an --identity or a --subject is needed for", o->name);
	if (o->renew && o->key_given)
		return wrong("--renew keeps the key of", o->name);
	return true;
}

int ca_main(int argc, char **argv)
{
	struct ca_options o = {
		.directory = CA_DIRECTORY, .authority = CA_ROOT, .name = CA_ROOT, .kind = KEY_P256};
	const struct command *c;
	int option, status, lock;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(usage_text, argc < 2 ? stderr : stdout);
		return argc < 2 ? CLIENT_USAGE : CLIENT_OK;
	}
	c = find_command(argv[1]);
	if (!c)
		return CLIENT_USAGE;
	optind = 2;
	argv[0] = "sluice";
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage_text, stdout);
			return CLIENT_OK;
		}
		if (!may_take(c, option) || !read_option(option, &o))
			return CLIENT_USAGE;
	}
	if (!read_words(c, argc - optind, argv + optind, &o))
		return CLIENT_USAGE;
	if (c->makes_directory && !ca_make_directory(o.directory))
		return CLIENT_REFUSED;
	lock = ca_lock(o.directory);
	if (lock < 0)
		return CLIENT_REFUSED;
	status = c->run(&o);
	close(lock);
	if (fflush(stdout) || ferror(stdout)) {
		perror("sluice: standard output");
		return CLIENT_REFUSED;
	}
	return status;
}
