/*
 * Log lines for people or for programs (`--log-format text|json`), to standard error by default.
 * One line an event: time, level, component, message. An error is logged once, at the top.
 * Thread-safe: a line is written whole with one write().
 */
#ifndef PN_BASE_LOGGER_H
#define PN_BASE_LOGGER_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

enum pn_level { PN_DEBUG, PN_INFO, PN_WARN, PN_ERROR };
enum pn_logger_format { PN_LOGGER_TEXT, PN_LOGGER_JSON };

struct pn_logger;

/* Writes to file descriptor `fd`, which stays the caller's. `clock` is borrowed. */
struct pn_logger *pn_logger_create(int fd, enum pn_logger_format format, enum pn_level least,
                                   const struct pn_clock *clock);
void pn_logger_destroy(struct pn_logger **logger);

/* `logger` may be NULL: then nothing is written. `component` is a short word ("log", "gateway"). */
void pn_logger_line(struct pn_logger *logger, enum pn_level level, const char *component,
                    const char *fmt, ...) PN_PRINTF(4, 5);
#define pn_logger_debug(logger, component, ...) \
    pn_logger_line(logger, PN_DEBUG, component, __VA_ARGS__)
#define pn_logger_info(logger, component, ...) \
    pn_logger_line(logger, PN_INFO, component, __VA_ARGS__)
#define pn_logger_warn(logger, component, ...) \
    pn_logger_line(logger, PN_WARN, component, __VA_ARGS__)
#define pn_logger_error(logger, component, ...) \
    pn_logger_line(logger, PN_ERROR, component, __VA_ARGS__)

/* Each returns false for an unknown word. */
bool pn_level_parse(const char *word, enum pn_level *level);
bool pn_logger_format_parse(const char *word, enum pn_logger_format *format);

#endif
