/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be asked over the control socket: a row for each verb. The api process routes requests by it, hub
 * answers by it, and the sluice command has its commands, their arguments, its help and its completion from it.
 */
#ifndef SLUICE_IPC_VERBS_H
#define SLUICE_IPC_VERBS_H

#include "base/role.h"
#include "ipc/msg_api.h"

#define VERB_NAME_SIZE 32
#define VERB_PATHS     3

/* What a request must name beside its verb. */
enum verb_object {
	OBJECT_NONE,
	OBJECT_SITES,     /* nothing: it is of all sites, or of the one that is named */
	OBJECT_TUNNELS,   /* a site: it is of both tunnels, or of the one that is named */
	OBJECT_TUNNEL,    /* a site and one of its tunnels */
	OBJECT_PREFIX,    /* a prefix or an address */
	OBJECT_REVISION,  /* the number of one */
	OBJECT_REVISIONS, /* nothing, or one, or two */
	OBJECT_SECRET,    /* its name */
	OBJECT_TOKEN,     /* the id of one */
	OBJECT_SITE,      /* a site */
	OBJECT_NEW_SITE,  /* a name that a site has, or may have */
	OBJECT_ALARM, /* a rule: of all that it is of, or of the site, or its tunnel, that is named */
};

/* What it does. A change is written into the audit log first. */
enum verb_right {
	RIGHT_READ,   /* answers with a document */
	RIGHT_CHANGE, /* answers with a sentence */
};

/* Whom it is of, and so for what its right must be granted. */
enum verb_reach {
	REACH_NOTHING, /* a hole: nobody may */
	REACH_SITES, /* of the site that is named, else of all that the asker may see, and of no other */
	REACH_HUB, /* of the whole hub: who has it for some sites only may not */
};

/* What a request may say beside that. */
enum verb_option {
	VERB_IKE = 1 << 0,
	VERB_FORCE = 1 << 1,
	VERB_SINCE = 1 << 2,
	/* The sluice command wants one tunnel to be named, where a program may mean both. */
	VERB_ONE_TUNNEL = 1 << 3,
	VERB_CONFIRM = 1 << 6,      /* --confirm */
	VERB_ONE_REVISION = 1 << 7, /* one at most */
	VERB_NEXT_START = 1 << 8,   /* --next-start */
	VERB_TUNNEL = 1 << 5,       /* a site that is named may be followed by one of its tunnels */
	VERB_GRANT = 1 << 9,        /* --role, --scope, --days */
	VERB_DRY_RUN = 1 << 10,     /* --dry-run: what it would do */
	VERB_ALLOW = 1 << 11,       /* --allow: the strongest effect it may have */
	VERB_VALUES = 1 << 12,      /* what the object is to say: KEY=VALUE */
	VERB_DOCUMENT = 1 << 13,    /* the same, of the command a file */
	VERB_MATCH = 1 << 14,       /* If-Match: of one revision of the document only */
	VERB_WHERE = 1 << 15,       /* the command can choose lines and columns */
	VERB_SITES = 1 << 16,       /* many sites at once: of the command a file */
	VERB_FORMAT = 1 << 17,      /* --format: of the command's file, or of what it prints */
	VERB_CHOOSE = 1 << 18,      /* the command can choose sites */
	VERB_FAIL = 1 << 19,        /* --fail: what an outage would do */
	VERB_LOCAL = 1 << 20,       /* not over TCP: it is about keys, or who may what */
	VERB_EVENTS = 1 << 21,      /* --since, --kind: of which time, and what */
	VERB_AROUND = 1 << 22,      /* --around: of which time */
	VERB_NEW = 1 << 23,         /* another site is named behind the first one */
	VERB_STEP = 1 << 24,        /* and then a step of moving from one to the other */
	VERB_FOR = 1 << 25,         /* --for: how long */
	VERB_ALL = 1 << 26,         /* --all: more than usual */
	/* Of a command that asks again and again, and has no verb of its own. */
	VERB_ITERATIONS = 1 << 4,
};

struct verb_row {
	const char *
		words; /* of the command; joined by '-' the name of the verb. NULL: no command asks for it */
	enum verb_object object;
	enum verb_right right;
	enum may may; /* what whoever asks must have been granted */
	enum verb_reach reach;
	unsigned int options; /* enum verb_option, or'ed */
	const char *help;     /* half a sentence */
	/*
	 * Where it is asked for over HTTP, from the one that names least on: GET what reads, POST what changes, but where
	 * there is another method. {site}, {tunnel}, {secret}, {token} and {revision} are what is named; all else comes in
	 * the query of a GET or a DELETE, in the JSON body of others.
	 */
	const char *paths[VERB_PATHS];
	const char *method; /* NULL: GET or POST */
};

extern const struct verb_row verbs[API_VERBS];

/* That of HTTP. */
const char *verb_method(const struct verb_row *row);

/* "show-sites" of {"show sites"}. */
const char *verb_name(const struct verb_row *row, char name[VERB_NAME_SIZE]);

#endif
