#include "base/logger.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json_writer.h"
#include "base/mem.h"

struct pn_logger {
    int fd;
    enum pn_logger_format format;
    enum pn_level least;
    const struct pn_clock *clock;
    pthread_mutex_t write_lock; /* one line at a time, also when a pipe takes only a part of it */
};

enum {
    MESSAGE_BYTES_MAX = 8 * 1024,          /* the rest of a longer message is cut off */
    LINE_BYTES_MAX = 8 * MESSAGE_BYTES_MAX /* every byte may need an escape */
};

static const char *const level_words[] = {"debug", "info", "warn", "error"};
static const char *const format_words[] = {"text", "json"};

struct pn_logger *pn_logger_create(int fd, enum pn_logger_format format, enum pn_level least,
                                   const struct pn_clock *clock)
{
    struct pn_logger *logger = pn_xcalloc(1, sizeof *logger);
    logger->fd = fd;
    logger->format = format;
    logger->least = least;
    logger->clock = clock;
    int rc = pthread_mutex_init(&logger->write_lock, NULL);
    PN_ASSERT(rc == 0);
    return logger;
}

void pn_logger_destroy(struct pn_logger **logger)
{
    if (*logger == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*logger)->write_lock);
    free(*logger);
    *logger = NULL;
}

/* Control characters would break the line, or talk to the terminal. */
static void add_text_message(struct pn_buf *line, const char *message, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)message[i];
        if (c == '\n') {
            pn_buf_adds(line, "\\n");
        } else if (c < 0x20 || c == 0x7F) {
            pn_buf_addf(line, "\\x%02x", (unsigned)c);
        } else {
            pn_buf_addc(line, message[i]);
        }
    }
}

static void add_text_line(struct pn_buf *line, const char *time, enum pn_level level,
                          const char *component, const struct pn_buf *message)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    pn_buf_addf(line, "%s %-5s %-8s ", time, names[level], component);
    add_text_message(line, message->data, message->len);
    pn_buf_addc(line, '\n');
}

static void add_json_line(struct pn_buf *line, const char *time, enum pn_level level,
                          const char *component, const struct pn_buf *message)
{
    struct pn_json_writer json;
    pn_json_writer_init(&json, line);
    pn_json_put_object(&json);
    pn_json_add_cstr(&json, "time", time);
    pn_json_add_cstr(&json, "level", level_words[level]);
    pn_json_add_cstr(&json, "component", component);
    pn_json_add_string(&json, "message", message->data, message->len);
    pn_json_end(&json);
    pn_json_end_line(&json);
}

/* Nobody can be informed of a log that cannot be written: the line is dropped. */
static void write_line(struct pn_logger *logger, const struct pn_buf *line)
{
    size_t done = 0;
    (void)pthread_mutex_lock(&logger->write_lock);
    while (done < line->len) {
        ssize_t wrote = write(logger->fd, line->data + done, line->len - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            break;
        }
        done += (size_t)wrote;
    }
    (void)pthread_mutex_unlock(&logger->write_lock);
}

void pn_logger_line(struct pn_logger *logger, enum pn_level level, const char *component,
                    const char *fmt, ...)
{
    if (logger == NULL || level < logger->least) {
        return;
    }
    int saved_errno = errno;
    char raw[MESSAGE_BYTES_MAX];
    va_list args;
    va_start(args, fmt);
    int raw_len = vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    PN_ASSERT(raw_len >= 0);

    struct pn_buf message;
    struct pn_buf line;
    pn_buf_init(&message, 3 * sizeof raw); /* U+FFFD has three bytes */
    pn_buf_init(&line, LINE_BYTES_MAX);
    pn_utf8_add_clean(&message, raw, strlen(raw));
    char time[PN_ISO8601_SIZE];
    (void)pn_iso8601(pn_wall_ms(logger->clock), time);
    if (logger->format == PN_LOGGER_JSON) {
        add_json_line(&line, time, level, component, &message);
    } else {
        add_text_line(&line, time, level, component, &message);
    }
    if (!pn_buf_failed(&line)) {
        write_line(logger, &line);
    }
    pn_buf_deinit(&line);
    pn_buf_deinit(&message);
    errno = saved_errno;
}

/* The index of a word, or -1. */
static int find_word(const char *const *words, int count, const char *word)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

bool pn_level_parse(const char *word, enum pn_level *level)
{
    int found = find_word(level_words, 4, word);
    if (found < 0) {
        return false;
    }
    *level = (enum pn_level)found;
    return true;
}

bool pn_logger_format_parse(const char *word, enum pn_logger_format *format)
{
    int found = find_word(format_words, 2, word);
    if (found < 0) {
        return false;
    }
    *format = (enum pn_logger_format)found;
    return true;
}
