#include "engine/duckdb/object_name.h"

#include <string.h>

bool pn_object_number_read(const char *text, size_t len, int64_t max, int64_t *number)
{
    enum { DIGITS_MAX = 18 };
    int64_t value = 0;
    if (len == 0 || len > DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *number = value;
    return value <= max;
}

bool pn_object_name_read(const char *topic, const char *key, int32_t *partition, int64_t *number)
{
    const char *slash = strrchr(key, '/');
    const char *at = slash != NULL ? slash + 1 : key;
    size_t topic_len = strlen(topic);
    int64_t value = 0;
    if (strncmp(at, topic, topic_len) != 0 || at[topic_len] != '+') {
        return false;
    }
    at += topic_len + 1;
    size_t len = strcspn(at, "+");
    if (!pn_object_number_read(at, len, INT32_MAX, &value) || at[len] != '+') {
        return false;
    }
    *partition = (int32_t)value;
    at += len + 1;
    len = strspn(at, "0123456789");
    return pn_object_number_read(at, len, PN_OBJECT_NUMBER_MAX, number) &&
           (strcmp(at + len, ".json") == 0 || strcmp(at + len, ".json.gz") == 0);
}
