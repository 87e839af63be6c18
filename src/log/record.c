#include "log/record.h"

int pn_record_check(const struct pn_record *record, int64_t bytes_max, size_t place,
                    struct pn_err *e)
{
    if (record->header_count > PN_RECORD_HEADERS_MAX) {
        return pn_err_input(e, "record %zu has %zu headers; %d are allowed", place,
                            record->header_count, PN_RECORD_HEADERS_MAX);
    }
    for (size_t i = 0; i < record->header_count; i++) {
        if (record->headers[i].name.data == NULL) {
            return pn_err_input(e, "header %zu of record %zu has no name", i, place);
        }
    }
    size_t bytes = pn_record_bytes(record);
    return bytes <= (size_t)bytes_max
               ? 0
               : pn_err_input(e, "record %zu has %zu bytes; %lld are allowed", place, bytes,
                              (long long)bytes_max);
}
