/*
 * The records of all partitions of a topic, or shards of a stream, by pages (search/pages.h):
 *
 *   GET api/v1/topics/{topic}/pages?partition=&from=&cursor=&limit=
 *   GET api/v1/streams/{stream}/pages?shard=&from=&cursor=&limit=
 *
 *   {"records":[{"partition","offset","time_ms","key","key_encoding","value","encoding",
 *                "value_bytes","cut","headers"}],
 *    "damage","damaged","older"?,"newer"?}
 *
 * A stream's record also has "shard" and "sequence_number". Records come newest first. `older` and
 * `newer` are cursors of the pages next to this one; one that is not there says that there are no
 * such records. Without a cursor, `from` says where the page begins:
 *
 *   newest, oldest       the newest page, the oldest one
 *   a time               the newest records up to it
 *   an offset            the record there and those before it, of `partition`
 *   a sequence number    likewise, of its shard
 */
#ifndef PN_API_PAGE_ROUTES_H
#define PN_API_PAGE_ROUTES_H

#include "api/api.h"
#include "api/search_routes.h"

/* Adds the routes, before the server starts; they stand on the same as those of a search. */
void pn_api_page_routes_add(struct pn_api_search_routes *routes, struct pn_api *api);

#endif
