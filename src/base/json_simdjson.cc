/*
 * The one C++ file: simdjson's on-demand parser, for C. One walk visits every value, which is what
 * makes on-demand check the whole text: its first stage checks UTF-8 and the strings' bytes, its
 * getters check words and escapes, its iterators check commas, colons and braces, json_number.c
 * checks numbers, and the end of the walk checks that nothing follows.
 *
 * The file is built without exceptions; simdjson then reports by code only.
 */
#include <charconv>
#include <cstdio>
#include <cstring>
#include <new>
#include <string_view>

#include <simdjson.h>

extern "C" {
#include "base/arena.h"
#include "base/json.h"
#include "base/json_number.h"
#include "base/json_simdjson.h"
#include "base/json_string.h"
}

using namespace simdjson;

static_assert(PN_JSON_PADDING >= SIMDJSON_PADDING, "simdjson reads further than json.h allows");

namespace
{

bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

constexpr const char *more_follows = "something follows the value: one JSON document is expected";

const char *reason_of(error_code code)
{
    switch (code) {
    case TAPE_ERROR:
        return "a comma, colon, bracket or name is missing or out of place";
    case CAPACITY:
        return "the text is too large";
    default:
        return error_message(code);
    }
}

/* The name of a field. Whether a lone surrogate is replaced is no argument in simdjson 3.0, must be
 * one in 3.6, and may be one later. */
template <typename Field>
auto unescaped_key(Field &field, int) -> decltype(field.unescaped_key(false))
{
    return field.unescaped_key(false);
}

template <typename Field> auto unescaped_key(Field &field, long) -> decltype(field.unescaped_key())
{
    return field.unescaped_key();
}

/* Where a string's text has its first quote or backslash; 8 bytes at a time, of which some may be
 * padding. In each term the lowest byte with its high bit set is the first that is looked for. */
const char *find_quote_or_slash(const char *at)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = 0x0101010101010101u;
    for (;; at += sizeof(uint64_t)) {
        uint64_t bytes;
        memcpy(&bytes, at, sizeof bytes);
        uint64_t quotes = bytes ^ (ones * '"');
        uint64_t slashes = bytes ^ (ones * '\\');
        uint64_t found = ((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes);
        found &= ones * 0x80;
        if (found != 0) {
            return at + __builtin_ctzll(found) / 8;
        }
    }
#else
    while (*at != '"' && *at != '\\') {
        at++;
    }
    return at;
#endif
}

class walker
{
  public:
    walker(std::string_view text, size_t values_max, pn_arena *arena, pn_simdjson_fault *fault)
        : text_(text), values_left_(values_max), arena_(arena), fault_(fault)
    {
    }

    bool root(ondemand::document &document, pn_json **out);

  private:
    bool fail(const char *at, const char *reason);
    bool fail(error_code code);
    bool fail_at_end();
    bool at_end();
    pn_json *make();
    pn_json *add(pn_json ***tail, pn_json *parent);
    void end_container(pn_json *node);

    bool value(ondemand::value &source, pn_json *node, int depth);
    bool number(pn_json *node);
    bool string(ondemand::value &source, pn_json *node);
    bool boolean(ondemand::value &source, pn_json *node);
    bool null(ondemand::value &source, pn_json *node);
    bool array(ondemand::value &source, pn_json *node, int depth);
    bool object(ondemand::value &source, pn_json *node, int depth);
    bool key(ondemand::field &field, pn_json *node);

    std::string_view text_;
    size_t values_left_;
    pn_arena *arena_;
    pn_json *spare_ = nullptr; /* nodes that were allocated together and are not used yet */
    size_t spare_count_ = 0;
    pn_simdjson_fault *fault_;
    ondemand::document *document_ = nullptr;
};

bool walker::fail(const char *at, const char *reason)
{
    size_t offset = static_cast<size_t>(at - text_.data());
    fault_->kind = PN_SIMDJSON_AT;
    fault_->offset = offset < text_.size() ? offset : text_.size();
    fault_->reason = reason;
    return false;
}

bool walker::fail_at_end()
{
    return fail(text_.data() + text_.size(), "an array or object has no end");
}

/* At the place where simdjson stopped. */
bool walker::fail(error_code code)
{
    const char *at = nullptr;
    if (document_->current_location().get(at) != SUCCESS || at >= text_.data() + text_.size()) {
        return fail_at_end();
    }
    return fail(at, reason_of(code));
}

bool walker::at_end()
{
    return document_->current_location().error() != SUCCESS;
}

pn_json *walker::make()
{
    static const size_t TOGETHER = 8;
    if (spare_count_ == 0) {
        spare_ = static_cast<pn_json *>(pn_arena_alloc(arena_, TOGETHER * sizeof *spare_));
        spare_count_ = TOGETHER;
    }
    spare_count_--;
    *spare_ = pn_json{};
    return spare_++;
}

pn_json *walker::add(pn_json ***tail, pn_json *parent)
{
    pn_json *node = make();
    **tail = node;
    *tail = &node->next;
    parent->count++;
    return node;
}

/* simdjson's own getters read some numbers wrongly, so it is only asked where the number is. What
 * isn't fetched, the containers' iterators pass over. */
bool walker::number(pn_json *node)
{
    node->type = PN_JSON_NUMBER;
    return pn_json_number_read(node) || fail(node->raw, "bad number");
}

bool walker::string(ondemand::value &source, pn_json *node)
{
    node->type = PN_JSON_STRING;
    if (node->raw_len < 2 || node->raw[node->raw_len - 1] != '"') {
        return fail(node->raw, "a string has no end");
    }
    node->text = node->raw + 1;
    node->text_len = node->raw_len - 2;
    if (memchr(node->text, '\\', node->text_len) == nullptr) {
        return source.get_raw_json_string().error() == SUCCESS || fail(node->raw, "bad string");
    }
    std::string_view unescaped;
    /* Some simdjson versions let the escape of half a surrogate pair pass, which is not UTF-8. */
    if (source.get_string().get(unescaped) == SUCCESS &&
        validate_utf8(unescaped.data(), unescaped.size())) {
        node->text = unescaped.data();
        node->text_len = unescaped.size();
        return true;
    }
    node->is_lossy = true;
    return pn_json_unescape(arena_, node->raw + 1, node->raw_len - 2, &node->text,
                            &node->text_len) ||
           fail(node->raw, "bad escape in a string");
}

bool walker::boolean(ondemand::value &source, pn_json *node)
{
    std::string_view word(node->raw, node->raw_len);
    node->type = PN_JSON_BOOL;
    if (source.get_bool().get(node->boolean) != SUCCESS || (word != "true" && word != "false")) {
        return fail(node->raw, "unknown word");
    }
    return true;
}

bool walker::null(ondemand::value &source, pn_json *node)
{
    bool is_null = false;
    node->type = PN_JSON_NULL;
    if (source.is_null().get(is_null) != SUCCESS || !is_null ||
        std::string_view(node->raw, node->raw_len) != "null") {
        return fail(node->raw, "unknown word");
    }
    return true;
}

/* Only white space is between a container's last character and the next token. */
void walker::end_container(pn_json *node)
{
    const char *end = nullptr;
    if (document_->current_location().get(end) != SUCCESS) {
        end = text_.data() + text_.size();
    }
    while (is_space(end[-1])) {
        end--;
    }
    node->raw_len = static_cast<size_t>(end - node->raw);
}

bool walker::array(ondemand::value &source, pn_json *node, int depth)
{
    node->type = PN_JSON_ARRAY;
    ondemand::array array;
    error_code code = source.get_array().get(array);
    if (code != SUCCESS) {
        return fail(code);
    }
    pn_json **tail = &node->first;
    ondemand::array_iterator at = array.begin().value_unsafe();
    ondemand::array_iterator end = array.end().value_unsafe();
    while (at != end) {
        ondemand::value element;
        code = (*at).get(element);
        if (code != SUCCESS) {
            return fail(code);
        }
        if (!value(element, add(&tail, node), depth + 1)) {
            return false;
        }
        /* The iterator would read on behind the text. */
        if (at_end()) {
            return fail_at_end();
        }
        ++at;
    }
    end_container(node);
    return true;
}

bool walker::key(ondemand::field &field, pn_json *node)
{
    const char *start = field.key().raw();
    const char *end = find_quote_or_slash(start);
    node->key = start;
    node->key_len = static_cast<size_t>(end - start);
    if (*end == '"') {
        return true;
    }
    std::string_view unescaped;
    if (unescaped_key(field, 0).get(unescaped) == SUCCESS &&
        validate_utf8(unescaped.data(), unescaped.size())) {
        node->key = unescaped.data();
        node->key_len = unescaped.size();
        return true;
    }
    while (*end != '"') {
        end += *end == '\\' ? 2 : 1;
    }
    node->key_is_lossy = true;
    return pn_json_unescape(arena_, start, static_cast<size_t>(end - start), &node->key,
                            &node->key_len) ||
           fail(start - 1, "bad escape in a string");
}

bool walker::object(ondemand::value &source, pn_json *node, int depth)
{
    node->type = PN_JSON_OBJECT;
    ondemand::object object;
    error_code code = source.get_object().get(object);
    if (code != SUCCESS) {
        return fail(code);
    }
    pn_json **tail = &node->first;
    ondemand::object_iterator at = object.begin().value_unsafe();
    ondemand::object_iterator end = object.end().value_unsafe();
    while (at != end) {
        ondemand::field field;
        code = (*at).get(field);
        if (code != SUCCESS) {
            return fail(code);
        }
        pn_json *member = add(&tail, node);
        if (!key(field, member) || !value(field.value(), member, depth + 1)) {
            return false;
        }
        /* The iterator would read on behind the text. */
        if (at_end()) {
            return fail_at_end();
        }
        ++at;
    }
    end_container(node);
    return true;
}

bool walker::value(ondemand::value &source, pn_json *node, int depth)
{
    if (values_left_ == 0) {
        fault_->kind = PN_SIMDJSON_VALUES;
        return false;
    }
    values_left_--;
    std::string_view token = source.raw_json_token();
    const char *end = text_.data() + text_.size();
    if (token.data() >= end) {
        return fail_at_end();
    }
    /* A last token that closes nothing leaves an array or object open, and the getters would look
     * for its end, or for the number's, behind the text. */
    bool closes = token.front() == '}' || token.front() == ']';
    if (!closes && token.data() + token.size() == end) {
        return fail_at_end();
    }
    while (token.size() > 1 && is_space(token.back())) {
        token.remove_suffix(1);
    }
    node->raw = token.data();
    node->raw_len = token.size();
    switch (token.front()) {
    case '{':
    case '[':
        if (depth > PN_JSON_DEPTH_MAX) {
            (void)fail(node->raw, "");
            fault_->kind = PN_SIMDJSON_DEPTH;
            return false;
        }
        return token.front() == '{' ? object(source, node, depth) : array(source, node, depth);
    case '"':
        return string(source, node);
    case 't':
    case 'f':
        return boolean(source, node);
    case 'n':
        return null(source, node);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return number(node);
    default:
        return fail(node->raw, "a value is expected");
    }
}

bool walker::root(ondemand::document &document, pn_json **out)
{
    document_ = &document;
    pn_json *node = make();
    *out = node;
    ondemand::value container;
    error_code code = document.get_value().get(container);
    if (code != SUCCESS) {
        return fail(code);
    }
    if (!value(container, node, 1)) {
        return false;
    }
    const char *rest = nullptr;
    return document.current_location().get(rest) != SUCCESS || fail(rest, more_follows);
}

/* Grows by doubling, where simdjson would allocate anew for each text that is a little larger. */
error_code make_room(ondemand::parser *parser, size_t len)
{
    if (len <= parser->capacity()) {
        return SUCCESS;
    }
    size_t grown = parser->capacity() * 2;
    if (grown > SIMDJSON_MAXSIZE_BYTES) {
        grown = SIMDJSON_MAXSIZE_BYTES;
    }
    return parser->allocate(grown > len ? grown : len);
}

bool fail_early(error_code code, pn_simdjson_fault *fault)
{
    switch (code) {
    case UTF8_ERROR:
        fault->kind = PN_SIMDJSON_UTF8;
        break;
    case UNESCAPED_CHARS:
    case UNCLOSED_STRING:
        fault->kind = PN_SIMDJSON_STRING;
        break;
    case MEMALLOC:
        fault->kind = PN_SIMDJSON_MEMORY;
        break;
    default:
        fault->kind = PN_SIMDJSON_AT;
        break;
    }
    fault->offset = 0;
    fault->reason = reason_of(code);
    return false;
}

/*
 * A root that is no container. simdjson's getters for these read only so many of a number's digits,
 * so the root is put into an array and taken out of it again.
 */
bool parse_scalar(ondemand::parser *parser, std::string_view text, std::string_view token,
                  pn_arena *arena, pn_json **root, pn_simdjson_fault *fault)
{
    size_t start = static_cast<size_t>(token.data() - text.data());
    fault->kind = PN_SIMDJSON_AT;
    size_t len = token.size() + 2;
    char *array = static_cast<char *>(pn_arena_calloc(arena, 1, len + PN_JSON_PADDING));
    array[0] = '[';
    memcpy(array + 1, token.data(), token.size());
    array[len - 1] = ']';
    ondemand::document document;
    error_code code = make_room(parser, len);
    if (code == SUCCESS) {
        code = parser->iterate(array, len, len + PN_JSON_PADDING).get(document);
    }
    if (code != SUCCESS) {
        return fail_early(code, fault);
    }
    pn_json *wrapper = nullptr;
    if (!walker(std::string_view(array, len), 2, arena, fault).root(document, &wrapper)) {
        fault->offset += start - 1;
        return false;
    }
    if (start + token.size() != text.size()) {
        fault->offset = start + token.size();
        fault->reason = more_follows;
        return false;
    }
    *root = wrapper->first;
    (*root)->raw = token.data();
    return true;
}

} // namespace

extern "C" {

void *pn_simdjson_create(void)
{
    return new (std::nothrow) ondemand::parser;
}

void pn_simdjson_destroy(void *simd)
{
    delete static_cast<ondemand::parser *>(simd);
}

bool pn_simdjson_parse(void *simd, const char *text, size_t len, size_t values_max,
                       struct pn_arena *arena, struct pn_json **root,
                       struct pn_simdjson_fault *fault)
{
    ondemand::parser *parser = static_cast<ondemand::parser *>(simd);
    error_code code = make_room(parser, len);
    if (code != SUCCESS) {
        return fail_early(code, fault);
    }
    ondemand::document document;
    code = parser->iterate(text, len, len + PN_JSON_PADDING).get(document);
    if (code != SUCCESS) {
        return fail_early(code, fault);
    }
    std::string_view token = document.raw_json_token().value_unsafe();
    ondemand::json_type type;
    if (document.type().get(type) != SUCCESS) {
        fault->kind = PN_SIMDJSON_AT;
        fault->offset = static_cast<size_t>(token.data() - text);
        fault->reason = "a value is expected";
        return false;
    }
    if (type != ondemand::json_type::object && type != ondemand::json_type::array) {
        return parse_scalar(parser, std::string_view(text, len), token, arena, root, fault);
    }
    return walker(std::string_view(text, len), values_max, arena, fault).root(document, root);
}

bool pn_simdjson_read_double(const char *text, size_t len, double *value)
{
    std::from_chars_result result = std::from_chars(text, text + len, *value);
    return result.ec == std::errc() && result.ptr == text + len;
}

bool pn_simdjson_read_float(const char *text, size_t len, float *value)
{
    std::from_chars_result result = std::from_chars(text, text + len, *value);
    return result.ec == std::errc() && result.ptr == text + len;
}

size_t pn_simdjson_double(double value, char out[PN_SIMDJSON_DOUBLE_SIZE])
{
    return static_cast<size_t>(std::to_chars(out, out + PN_SIMDJSON_DOUBLE_SIZE, value).ptr - out);
}

bool pn_simdjson_utf8_valid(const char *text, size_t len)
{
    return validate_utf8(text, len);
}

const char *pn_simdjson_version(char out[PN_SIMDJSON_VERSION_SIZE])
{
    (void)snprintf(out, PN_SIMDJSON_VERSION_SIZE, "%d.%d.%d",
                   static_cast<int>(simdjson::SIMDJSON_VERSION_MAJOR),
                   static_cast<int>(simdjson::SIMDJSON_VERSION_MINOR),
                   static_cast<int>(simdjson::SIMDJSON_VERSION_REVISION));
    return out;
}

} // extern "C"
