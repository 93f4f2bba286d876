/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/allowed.h"

#include "ike/internal.h"

static const struct ike_version *version_of(uint8_t number)
{
	return number == ike_v1.number ? &ike_v1 : &ike_v2;
}

bool ike_options_allow(
	const struct ike_options *o, const struct ip_addr *address, const struct negotiated_ike *n)
{
	const struct ike_version *version = version_of(n->version);
	struct proposal_policy policy;
	struct suite suite;

	if (!(version == &ike_v1 ? o->ikev1 : o->ikev2))
		return false;
	if (addr_is_set(address) && !addr_equal(address, &n->peer))
		return false;
	if (o->encap == ENCAP_FORCE && !n->udp_encap)
		return false;
	version->policy_ike(o, &policy);
	return suite_of_numbers(&n->suite, PROTOCOL_IKE, &suite) &&
	       proposal_allows(&policy, &suite);
}

bool ike_options_allow_pair(
	const struct ike_options *o, uint8_t version, const struct suite_numbers *suite)
{
	const struct ike_version *v = version_of(version);
	struct proposal_policy policy;
	struct suite s;

	v->policy_esp(o, &policy);
	/* The pair of IKE_AUTH never has a group of its own: RFC 7296 1.2. */
	if (v == &ike_v2 && !suite->group)
		policy.ke_wanted = false;
	else if (!policy.ke.count)
		policy.ke_wanted = suite->group != 0;
	return suite_of_numbers(suite, PROTOCOL_ESP, &s) && proposal_allows(&policy, &s);
}
