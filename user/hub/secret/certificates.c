/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/certificates.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/wire.h"
#include "crypto/trust.h"
#include "hub/secret/certificates_internal.h"
#include "hub/secret/reads.h"
#include "hub/secret/secret.h"
#include "ipc/credential_text.h"
#include "ipc/msg_ike.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool fail(char *error, const char *what, const char *ref, const char *why)
{
	snprintf(error, CONFIG_ERROR_SIZE, "%s %.200s: %.250s", what, ref, why);
	return false;
}

static bool read_ref(const char *ref, enum credential_part part, const char *what,
	struct credential_text *text, char *error)
{
	int fd = public_ref_open(ref);
	struct stat st;

	if (fd < 0)
		return fail(error, what, ref, strerror(errno));
	if (part == CREDENTIAL_KEY && (fstat(fd, &st) || st.st_mode & 077)) {
		close(fd);
		return fail(error, what, ref, "others than its owner can read it, 0600 is wanted");
	}
	if (!credential_text_read(fd, part, text))
		return fail(error, what, ref, "the file is empty, too large or unreadable");
	return true;
}

/* ---- loading ---- */

static bool load_own(struct certificates *all, const struct certificate_conf *conf, char *error)
{
	struct certificate_entry *entry;
	struct credential_text chain = {0}, key = {0};
	char why[200];
	bool ok;

	if (certificates_find(all, conf))
		return true;
	entry = &all->own[all->own_count];
	entry->conf = *conf;
	ok = read_ref(conf->chain, CREDENTIAL_CHAIN, "certificate", &chain, error) &&
	     read_ref(conf->key, CREDENTIAL_KEY, "private_key", &key, error);
	if (ok) {
		entry->credential = credential_read(
			chain.bytes, chain.len, key.bytes, key.len, why, sizeof(why));
		ok = entry->credential || fail(error, "certificate", conf->chain, why);
	}
	credential_text_free(&chain);
	credential_text_free(&key);
	if (ok)
		cert_facts(credential_cert(entry->credential), &entry->facts);
	all->own_count += ok;
	return ok;
}

/* What stands under one key: authorities, or revocation lists of theirs. */
static bool load_list(struct trust *trust, enum credential_part part, const char *key,
	const struct refs_conf *list, char *error)
{
	for (uint32_t r = 0; r < list->count; r++) {
		struct credential_text text;
		char why[200];
		bool ok;

		if (!read_ref(list->refs[r], part, key, &text, error))
			return false;
		ok = part == CREDENTIAL_CRL
			     ? trust_add_crl(trust, text.bytes, text.len, why, sizeof(why))
			     : trust_add_ca(trust, text.bytes, text.len, why, sizeof(why));
		credential_text_free(&text);
		if (!ok)
			return fail(error, key, list->refs[r], why);
	}
	return true;
}

/* The configured identity must stand in the certificate, or no site would take us for what we say. */
static bool check_identity(
	const struct certificates *all, const struct site_conf *site, unsigned int t, char *error)
{
	const struct tunnel_conf *conf = &site->tunnels[t];
	const struct certificate_entry *own = certificates_find(all, &conf->certificate);
	const struct ike_identity *const ids[] = {&conf->identity, &conf->local_identity};
	struct ike_identity id;

	for (int i = 0; i < 2; i++) {
		char text[sizeof(ids[i]->bytes) + 1];

		if (!ids[i]->type)
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)ids[i]->len, ids[i]->bytes);
		id = certificates_identity(ids[i], NULL);
		if (!id.type) {
			snprintf(error, CONFIG_ERROR_SIZE,
				"site '%s' tunnel %u: '%.200s' is not a distinguished name",
				site->name, t, text);
			return false;
		}
		if (i == 0 || !own || conf->options.auth != AUTH_CERT ||
			cert_has_identity(credential_cert(own->credential), &id))
			continue;
		snprintf(error, CONFIG_ERROR_SIZE,
			"site '%s' tunnel %u: the hub's identity does not stand in %.150s, which "
			"is for "
			"%.100s (%.100s)",
			site->name, t, conf->certificate.chain, own->facts.subject,
			own->facts.names);
		return false;
	}
	return true;
}

bool certificates_same_subject(const char *configured, const char *subject)
{
	struct ike_identity a, b;

	return dn_from_text(configured, &a) && dn_from_text(subject, &b) &&
	       dn_equal(a.bytes, a.len, b.bytes, b.len);
}

/* What clients of the API are known by. */
static bool load_clients(struct certificates *all, const struct concentrator_conf *c, char *error)
{
	struct ike_identity id;
	bool ok = true;

	for (uint32_t i = 0; i < c->access.count && ok; i++) {
		const char *subject = c->access.grants[i].certificate;

		ok = !subject[0] || dn_from_text(subject, &id) ||
		     fail(error, "access: certificate", subject, "it is no distinguished name");
	}
	return ok && load_list(all->clients, CREDENTIAL_CA, "api_ca", &c->api_ca, error) &&
	       load_list(all->clients, CREDENTIAL_CRL, "api_crl", &c->api_crl, error);
}

bool certificates_fit(
	const struct certificates *all, const struct config *c, char error[CONFIG_ERROR_SIZE])
{
	for (uint32_t s = 0; s < c->site_count; s++) {
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (c->sites[s].tunnels[t].configured &&
				!check_identity(all, &c->sites[s], t, error))
				return false;
		}
	}
	return true;
}

static bool load(struct certificates *all, const struct config *c, bool lenient, char *error)
{
	const struct concentrator_conf *hub = &c->concentrator;

	if (hub->certificate.chain[0] && !load_own(all, &hub->certificate, error))
		return false;
	all->trust = trust_new(hub->crl_required);
	all->clients = trust_new(false);
	if (!load_list(all->trust, CREDENTIAL_CA, "ca", &hub->ca, error) ||
		!load_list(all->trust, CREDENTIAL_CRL, "crl", &hub->crl, error))
		return false;
	if ((hub->api_certificate.chain[0] && !load_own(all, &hub->api_certificate, error)) ||
		!load_clients(all, hub, error)) {
		if (!lenient)
			return false;
		log_error("api: %s", error);
	}
	for (uint32_t s = 0; s < c->site_count; s++) {
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			const struct tunnel_conf *conf = &c->sites[s].tunnels[t];

			if (conf->configured && conf->options.auth == AUTH_CERT &&
				!load_own(all, &conf->certificate, error) && !lenient)
				return false;
		}
	}
	return certificates_fit(all, c, error);
}

struct certificates *certificates_load(
	const struct config *c, bool lenient, char error[CONFIG_ERROR_SIZE])
{
	struct certificates *all = calloc(1, sizeof(*all));

	if (!all)
		abort();
	if (load(all, c, lenient, error))
		return all;
	certificates_free(all);
	return NULL;
}

static bool same_refs(const struct refs_conf *a, const struct refs_conf *b)
{
	bool same = a->count == b->count;

	for (uint32_t i = 0; same && i < a->count; i++)
		same = !strcmp(a->refs[i], b->refs[i]);
	return same;
}

bool certificates_suffice(
	const struct certificates *all, const struct concentrator_conf *was, const struct config *c)
{
	const struct concentrator_conf *is = &c->concentrator;
	bool all_there =
		same_refs(&was->ca, &is->ca) && same_refs(&was->crl, &is->crl) &&
		was->crl_required == is->crl_required &&
		(!is->certificate.chain[0] || certificates_find(all, &is->certificate)) &&
		same_refs(&was->api_ca, &is->api_ca) && same_refs(&was->api_crl, &is->api_crl) &&
		(!is->api_certificate.chain[0] || certificates_find(all, &is->api_certificate));

	for (uint32_t s = 0; s < c->site_count; s++) {
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			const struct tunnel_conf *conf = &c->sites[s].tunnels[t];

			if (conf->configured && conf->options.auth == AUTH_CERT)
				all_there &= certificates_find(all, &conf->certificate) != NULL;
		}
	}
	return all_there;
}

void certificates_free(struct certificates *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < all->own_count; i++)
		credential_free(all->own[i].credential);
	trust_free(all->trust);
	trust_free(all->clients);
	free(all);
}

bool certificates_check(const struct config *c, char error[CONFIG_ERROR_SIZE])
{
	struct certificates *all = certificates_load(c, false, error);

	if (all)
		certificates_warn_own(all);
	certificates_free(all);
	return all != NULL;
}

struct certificate_entry *certificates_find(
	const struct certificates *all, const struct certificate_conf *conf)
{
	for (size_t i = 0; i < all->own_count; i++) {
		if (!strcmp(all->own[i].conf.chain, conf->chain) &&
			!strcmp(all->own[i].conf.key, conf->key))
			return (struct certificate_entry *)&all->own[i];
	}
	return NULL;
}

bool certificates_trust(const struct certificates *all, const struct cert_chain *chain)
{
	struct rd r = rd_init(chain->bytes, sizeof(chain->bytes));
	struct chunk ders[CERT_CHAIN_MAX];
	char text[TRUST_TEXT_SIZE];
	struct cert *leaf = NULL;
	size_t count = 0;
	bool ok;

	for (; count < chain->count && count < CERT_CHAIN_MAX; count++) {
		const uint8_t *der = rd_bytes(&r, chain->lens[count]);

		if (!der)
			return false;
		ders[count] = (struct chunk){der, chain->lens[count]};
	}
	ok = trust_verify(all->trust, ders, count, (int64_t)(clock_wall() / CLOCK_SECOND), &leaf,
		     text) == TRUST_OK;
	cert_free(leaf);
	return ok;
}

/* ---- identities ---- */

struct ike_identity certificates_identity(
	const struct ike_identity *id, const struct ip_addr *address)
{
	struct ike_identity made = *id;
	char text[sizeof(id->bytes) + 1];

	if (made.type == IKE_ID_DN) {
		snprintf(text, sizeof(text), "%.*s", (int)id->len, id->bytes);
		if (!dn_from_text(text, &made))
			return (struct ike_identity){0};
	} else if (!made.type && address && addr_is_set(address)) {
		made.type = address->family == AF_INET ? IKE_ID_IPV4 : IKE_ID_IPV6;
		made.len = (uint8_t)addr_len(address);
		memcpy(made.bytes, address->bytes, made.len);
	}
	return made;
}

struct ike_identity certificates_local_id(const struct certificates *all,
	const struct tunnel_conf *conf, const struct ip_addr *address)
{
	struct ike_identity id = certificates_identity(&conf->local_identity, address);
	const struct certificate_entry *own = certificates_find(all, &conf->certificate);

	if (conf->options.auth == AUTH_CERT && own && !conf->local_identity.type &&
		!cert_has_identity(credential_cert(own->credential), &id))
		cert_first_identity(credential_cert(own->credential), &id);
	return id;
}

/* ---- to ike ---- */

static void send_part(struct hub *h, enum credential_part part, const char *ref)
{
	struct imsg_ike_credential m = {.part = part};
	int fd = public_ref_open(ref);

	/* Without a descriptor ike keeps what it has and says so. */
	if (fd < 0)
		log_error("%s: %s", ref, strerror(errno));
	if (part == CREDENTIAL_KEY)
		secret_file_was_read(ref, fd);
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_CREDENTIAL, fd, &m, sizeof(m));
}

static void send_own(struct hub *h, const struct certificate_conf *conf)
{
	send_part(h, CREDENTIAL_CHAIN, conf->chain);
	send_part(h, CREDENTIAL_KEY, conf->key);
}

void certificates_send(struct hub *h)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	bool own = c->certificate.chain[0];
	struct imsg_ike_credentials m = {.tunnel = UINT32_MAX,
		.parts = (own ? 2 : 0) + c->ca.count + c->crl.count,
		.strict_crl = c->crl_required};

	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_CREDENTIALS, -1, &m, sizeof(m));
	if (own)
		send_own(h, &c->certificate);
	for (uint32_t i = 0; i < c->ca.count; i++)
		send_part(h, CREDENTIAL_CA, c->ca.refs[i]);
	for (uint32_t i = 0; i < c->crl.count; i++)
		send_part(h, CREDENTIAL_CRL, c->crl.refs[i]);
}

void certificates_send_tunnel(struct hub *h, uint32_t tunnel, const struct tunnel_conf *conf)
{
	const struct certificate_conf *common = &h->config->concentrator.certificate;
	bool own = conf->options.auth == AUTH_CERT &&
		   (strcmp(conf->certificate.chain, common->chain) != 0 ||
			   strcmp(conf->certificate.key, common->key) != 0);
	struct imsg_ike_credentials m = {.tunnel = tunnel, .parts = own ? 2 : 0};

	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_CREDENTIALS, -1, &m, sizeof(m));
	if (own)
		send_own(h, &conf->certificate);
}
