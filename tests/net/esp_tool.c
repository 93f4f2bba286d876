/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ESP library on lines of text, for tests against another implementation:
 *   seal CIPHER INTEG ESN KEY SALT INTEG_KEY SEQUENCE PACKET    prints the ESP packet
 *   open CIPHER INTEG ESN KEY SALT INTEG_KEY SEQUENCE PACKET    prints the inner packet, or why not
 * Numbers are those of RFC 7296 3.3.2; bytes are hexadecimal, "-" for none; SEQUENCE is the number
 * of this packet. `open` takes the outer IP packet whole. The SPI is 0x12345678.
 */
#include "dataplane/outer.h"
#include "esp/esp.h"
#include "../selectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPI      0x12345678u
#define ROOM     4096
#define ETHERNET 14

static uint32_t bytes_of(const char *text, uint8_t *to, uint32_t room)
{
	uint32_t n = 0;
	unsigned int byte;

	for (; *text != '-' && n < room && sscanf(text, "%2x", &byte) == 1; text += 2)
		to[n++] = (uint8_t)byte;
	return n;
}

static void print(const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		printf("%02x", p[i]);
	printf("\n");
}

static void seal(struct esp_sa *sa, const char *packet)
{
	uint8_t room[ROOM], *p = room + ESP_HEADROOM;
	uint32_t len = bytes_of(packet, p, ROOM - ESP_HEADROOM - ESP_TAILROOM);
	enum esp_result r = esp_seal(sa, &p, &len);

	if (r == ESP_OK)
		print(p, len);
	else
		printf("error %d\n", r);
}

static void open_packet(struct esp_sa *sa, const char *packet)
{
	uint8_t room[ROOM] = {0};
	uint32_t len = bytes_of(packet, room + ETHERNET, ROOM - ETHERNET), esp_len;
	enum esp_result r;
	struct inner in;
	struct outer o;
	uint8_t *p;

	room[12] = room[ETHERNET] >> 4 == 4 ? 0x08 : 0x86;
	room[13] = room[ETHERNET] >> 4 == 4 ? 0x00 : 0xdd;
	if (!outer_parse(room, ETHERNET + len, &o)) {
		printf("no ESP\n");
		return;
	}
	p = room + o.esp;
	esp_len = o.esp_len;
	r = esp_open(sa, &p, &esp_len, &in);
	if (r == ESP_OK)
		print(p, esp_len);
	else
		printf("error %d\n", r);
}

int main(void)
{
	static char line[4 * ROOM], key[256], salt[64], integ_key[256], packet[2 * ROOM];
	char command[8];
	unsigned int cipher, integ, esn;
	unsigned long long sequence;

	while (fgets(line, sizeof(line), stdin)) {
		struct esp_params p = {.spi = SPI,
			.replay_window = 1024,
			.local = everything(),
			.remote = everything()};
		struct esp_sa *sa;

		if (sscanf(line, "%7s %u %u %u %255s %63s %255s %llu %8191s", command, &cipher,
			    &integ, &esn, key, salt, integ_key, &sequence, packet) != 9)
			return 2;
		p.cipher = (uint16_t)cipher;
		p.integ = (uint16_t)integ;
		p.esn = esn;
		p.outbound = !strcmp(command, "seal");
		p.key_len = (uint16_t)bytes_of(key, p.key, sizeof(p.key));
		(void)bytes_of(salt, p.salt, sizeof(p.salt));
		p.integ_len = (uint16_t)bytes_of(integ_key, p.integ_key, sizeof(p.integ_key));
		sa = esp_sa_new(&p, ESP_ENGINE_AUTO);
		if (!sa) {
			printf("no SA\n");
			continue;
		}
		esp_sequence_set(sa, sequence - 1);
		if (p.outbound)
			seal(sa, packet);
		else
			open_packet(sa, packet);
		fflush(stdout);
		esp_sa_free(sa);
	}
	return 0;
}
