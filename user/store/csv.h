/* SPDX-License-Identifier: Apache-2.0 */
/* CSV as RFC 4180 has it, from any bytes. Pure. */
#ifndef SLUICE_STORE_CSV_H
#define SLUICE_STORE_CSV_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#define CSV_WHY_SIZE 96

/*
 * [{"line": N, "cells": [text, ...]}]: a record for each line that is not empty, and where it begins. Lines end with LF or
 * CRLF; a byte order mark goes before. NULL with a sentence, and in *line where: a quote that does not end, or is no quote;
 * what is no UTF-8, or a NUL.
 */
json_t *csv_read(const char *text, size_t len, unsigned int *line, char why[CSV_WHY_SIZE]);

/*
 * A cell, in quotes where it needs them. One that begins with =, +, - or @ gets a ' in front, which csv_read() takes away:
 * a spreadsheet would run it.
 */
void csv_write_cell(FILE *f, const char *text);

#endif
