/*
 * Times and days as people and programs write them. This is the only grammar of times: columns of
 * type timestamp and date, options such as --at and --from, `start` in pipeline.yml and the dates
 * of generator.yml all take it. docs/queries.md lists the forms.
 *
 *   time     = day [ ("T" | " ") clock [ zone ] ]     a day alone is its midnight
 *   day      = YYYY-MM-DD
 *   clock    = HH:MM [ :SS [ ("." | ",") digits ] ]   24:00 is the end of the day
 *   zone     = "Z" | ("+" | "-") HH [ [":"] MM ]      none: UTC
 *              [ "[" name "]" ]...                    as Java's ZonedDateTime writes it; the offset
 *                                                     before it counts
 *
 * and ISO 8601's basic form of the same: YYYYMMDD [ "T" HHMM [ SS [ fraction ] ] [ zone ] ]. The
 * letters T and Z may be small. Digits finer than a microsecond are dropped. Second 60 (a leap
 * second) is refused: Unix time has no number for it.
 *
 * Where a column asks for ISO 8601 in full, a time may also have
 *
 *   day      = YYYY-DDD | YYYY "-W" WW "-" D          the day of the year; of an ISO week
 *   clock    = HH [ fraction ] | HH:MM [ fraction ]   of the hour or of the minute
 *              HH:59:60 [ fraction ]                  a leap second is the second after it
 *
 * and their basic forms. W may be small; 18 digits of such a fraction count.
 *
 * Sources: ISO 8601-1:2019, RFC 3339, RFC 9557 (the names in brackets), and what toString() of
 * Java's LocalDate, LocalDateTime, OffsetDateTime, ZonedDateTime and Instant writes.
 */
#ifndef PN_BASE_TIME_TEXT_H
#define PN_BASE_TIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since 1970-01-01 UTC of a time from 0001-01-01 to the end of 9999, in UTC. False,
 * with *micros as it was, when the text is not such a time. */
bool pn_time_parse(const char *text, size_t len, int64_t *micros);
/* Days since 1970-01-01. Takes a day, or a time at midnight: its day as it is written, whatever the
 * zone. False, with *days as it was, otherwise. */
bool pn_day_parse(const char *text, size_t len, int32_t *days);
/* The same with ISO 8601 in full. A day may have any time then: its day as it is written, or the
 * next one where the time is the day's end or the leap second there. */
bool pn_time_parse_full(const char *text, size_t len, int64_t *micros);
bool pn_day_parse_full(const char *text, size_t len, int32_t *days);
/* Is it a time from 0001-01-01 to the end of 9999? */
bool pn_time_in_range(int64_t micros);
/* pn_time_parse() of a C string in milliseconds, rounded down. */
bool pn_time_parse_ms(const char *text, int64_t *wall_ms);

#endif
