#include "gateway/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support.h"

/* What the rules across keys ask for at least. */
#define RULES_KEPT "public:\n  plain_http: true\n"

static uint8_t why_storage[512];
static struct buf why;
static const char *folder;

/* Reads a file with this content; NULL and `why` when it is refused. */
static struct config *read_bytes(struct bytes yaml)
{
    if (!folder)
        folder = temp_folder();
    write_file(path_in(folder, "gateway.yaml"), yaml);
    why = BUF_OVER(why_storage);
    return config_read(path_in(folder, "gateway.yaml"), &why);
}

static struct config *read_good(const char *yaml)
{
    struct config *config = read_bytes(bytes_str(yaml));
    if (!config)
        fail_msg("%s", buf_cstr(&why));
    assert_int_equal(why.len, 0);
    return config;
}

/* Refused, with exactly this sentence behind the file's path. */
static void assert_refused_bytes(struct bytes yaml, const char *sentence)
{
    const char *path = path_in(folder ? folder : (folder = temp_folder()), "gateway.yaml");
    assert_null(read_bytes(yaml));
    assert_memory_equal(buf_cstr(&why), path, strlen(path));
    assert_string_equal(buf_cstr(&why) + strlen(path), sentence);
}

static void assert_refused(const char *yaml, const char *sentence)
{
    assert_refused_bytes(bytes_str(yaml), sentence);
}

static char *printed(const struct config *config, size_t *len)
{
    char *text;
    FILE *out = open_memstream(&text, len);
    config_print(config, out);
    fclose(out);
    return text;
}

/* Broken: a gateway without a word in its configuration would not behave as the table says. */
static void defaults_are_the_tables(void **state)
{
    (void)state;
    struct config *config = config_create();
    assert_string_equal(config->public_address, "0.0.0.0");
    assert_int_equal(config->public_port, 8443);
    assert_false(config->public_plain_http);
    assert_string_equal(config->registry_path, "registry.db");
    assert_int_equal(config->evidence_file_bytes_max, 1073741824);
    assert_int_equal(config_log_level(config), LOG_INFO);
    config_destroy(&config);
    assert_null(config);
}

/* Broken: a value in the file would not become the value in force. */
static void values_of_every_type_are_read(void **state)
{
    (void)state;
    struct config *config = read_good("# comment\r\n"
                                      "public: {plain_http: true, address: \"::\"}\r\n"
                                      "http:\r\n"
                                      "  body_bytes_max: 1024 # the least\r\n"
                                      "  server_timing: true\r\n"
                                      "cache:\r\n"
                                      "  socket: '/run/redis 1/焦作.sock'\r\n"
                                      "evidence:\r\n"
                                      "  file_bytes_max: 549755813888\r\n"
                                      "log:\r\n"
                                      "  level: warning\r\n");
    assert_true(config->public_plain_http);
    assert_string_equal(config->public_address, "::");
    assert_int_equal(config->http_body_bytes_max, 1024);
    assert_true(config->http_server_timing);
    assert_string_equal(config->cache_socket, "/run/redis 1/焦作.sock");
    assert_true(config->evidence_file_bytes_max == UINT64_C(549755813888));
    assert_int_equal(config_log_level(config), LOG_WARNING);
    assert_int_equal(config->public_port, 8443);
    config_destroy(&config);
}

/* Broken: log.level would set another level than it names. */
static void every_log_level_is_found(void **state)
{
    (void)state;
    for (enum log_level level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        char yaml[128];
        snprintf(yaml, sizeof yaml, RULES_KEPT "log: {level: %s}\n", log_level_name(level));
        struct config *config = read_good(yaml);
        assert_int_equal(config_log_level(config), level);
        config_destroy(&config);
    }
}

/* Broken: a gateway started from another folder would look for its keys there. */
static void files_are_relative_to_the_configuration(void **state)
{
    (void)state;
    struct config *config = read_good("public: {certificate: tls/chain.pem, certificate_key: /k}\n"
                                      "registry: {path: ../r.db}\n");
    char real[4096];
    assert_non_null(realpath(folder, real));
    assert_int_equal(strncmp(config->public_certificate, real, strlen(real)), 0);
    assert_string_equal(config->public_certificate + strlen(real), "/tls/chain.pem");
    assert_string_equal(config->public_certificate_key, "/k");
    assert_string_equal(config->registry_path + strlen(real), "/../r.db");
    assert_string_equal(config->keys_codes + strlen(real), "/codes.jwks");
    config_destroy(&config);

    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    config = config_read("gateway.yaml", &why);
    assert_int_equal(chdir(before), 0);
    assert_non_null(config);
    assert_string_equal(config->public_certificate + strlen(real), "/tls/chain.pem");
    config_destroy(&config);

    config = read_good(RULES_KEPT);
    assert_string_equal(config->public_certificate, ""); /* none stays none */
    config_destroy(&config);
}

/* Broken: a misspelt key would be passed over, and the operator would believe it is set. */
static void unknown_names_are_told_with_the_nearest(void **state)
{
    (void)state;
    assert_refused(RULES_KEPT "http:\n  body_byte_max: 4096\n",
                   ":4: unknown key 'http.body_byte_max'; did you mean 'http.body_bytes_max'?");
    assert_refused(RULES_KEPT "cache:\n  body_bytes_max: 4096\n",
                   ":4: unknown key 'cache.body_bytes_max'; did you mean 'http.body_bytes_max'?");
    assert_refused(RULES_KEPT "\n\nhtpp:\n  port: 1\n",
                   ":5: unknown section 'htpp'; did you mean 'http'?");
    assert_refused("weather:\n  wind: 4\n", ":1: unknown section 'weather'");
    assert_refused("http: {<<: 5}\n", ":1: unknown key 'http.<<'");
    assert_refused("http: {\"a\\x1bb\": 5}\n", ":1: unknown key");
    assert_refused("http: {an_uncommonly_long_name_that_is_no_key_of_any_section: 5}\n",
                   ":1: unknown key");
}

/* Broken: of two values for one key the wrong one could be in force. */
static void duplicates_are_refused(void **state)
{
    (void)state;
    assert_refused("http:\n  drain_ms: 1\n  backlog: 1\n  drain_ms: 1\n",
                   ":4: http.drain_ms is given twice; first in line 2");
    assert_refused("log: {level: info}\nhttp: {}\nlog: {}\n",
                   ":3: log is given twice; first in line 1");
}

/* Broken: a value of the wrong kind would be taken for some other value. */
static void wrong_types_are_refused(void **state)
{
    (void)state;
    static const char *const no_numbers[] = {"\"8443\"", "-1",  "+1",  "010", "0x10", "1e3",
                                             "1_000",    "1.0", "ten", "''",  "~",    ""};
    for (size_t i = 0; i < sizeof no_numbers / sizeof *no_numbers; i++) {
        char yaml[64];
        snprintf(yaml, sizeof yaml, "public:\n  port: %s\n", no_numbers[i]);
        assert_refused(yaml, ":2: public.port must be a whole number");
    }
    assert_refused("http: {server_timing: yes}", ":1: http.server_timing must be true or false");
    assert_refused("http: {server_timing: 'true'}", ":1: http.server_timing must be true or false");
    static const char *const no_texts[] = {"", "~", "null", "true", "127"};
    for (size_t i = 0; i < sizeof no_texts / sizeof *no_texts; i++) {
        char yaml[64];
        snprintf(yaml, sizeof yaml, "cache:\n  host: %s\n", no_texts[i]);
        assert_refused(yaml, ":2: cache.host must be a text; put it in quotes (\"\" for none)");
    }
    assert_refused("cache: {host: \"a\\0b\"}", ":1: cache.host has a control character");
    assert_refused("log: {level: loud}", ":1: log.level must be one of info|debug|warning|error");
    assert_refused("log: {level: ''}", ":1: log.level must be one of info|debug|warning|error");
    assert_refused("cache: {host: [a, b]}", ":1: cache.host must be a single value");
    assert_refused("cache:\n  host:\n    a: b\n", ":3: cache.host must be a single value");
}

/* Broken: a limit could be set so that it limits nothing, or lets nothing through. */
static void values_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_refused("http: {body_bytes_max: 1023}",
                   ":1: http.body_bytes_max must be from 1024 to 1048576 bytes");
    assert_refused("http: {body_bytes_max: 1048577}",
                   ":1: http.body_bytes_max must be from 1024 to 1048576 bytes");
    assert_refused("public: {port: 65536}", ":1: public.port must be from 0 to 65535");
    assert_refused("public: {port: 18446744073709551617}", /* 2^64 + 1 */
                   ":1: public.port must be from 0 to 65535");
    assert_refused("public: {port: 18446744073709551620}", /* 2^64 + 4 */
                   ":1: public.port must be from 0 to 65535");
}

/* Broken: the file could mean something else than it looks like. */
static void the_rest_of_yaml_is_refused(void **state)
{
    (void)state;
    const char *anchors = ":2: anchors and aliases (& and *) are not allowed";
    assert_refused("cache:\n  host: &h redis\n", anchors);
    assert_refused("cache:\n  host: *h\n", anchors);
    assert_refused("cache:\n  &m\n  host: x\n", anchors);
    assert_refused("cache: {host: !!str 5}", ":1: tags (!) are not allowed");
    assert_refused("cache: {host: ! 5}", ":1: tags (!) are not allowed");
    assert_refused("cache: !!map {}", ":1: tags (!) are not allowed");
    assert_refused("log: {}\n---\nlog: {}\n", ":2: a second document is not allowed");
    assert_refused("- log\n", ":1: the file must hold sections");
    assert_refused("---\n", ":2: the file must hold sections");
    assert_refused("http: 5\n", ":1: section http must hold keys and values");
    assert_refused("? [a]\n: 5\n", ":1: the name of a section was expected");
    assert_refused("http:\n  ? {a: b}\n  : 5\n", ":2: the name of a key was expected");
}

/* Broken: bytes that are no YAML would be misread or end the process. */
static void broken_yaml_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_null(read_bytes(BYTES("log: {}\nhttp: {\n")));
    assert_non_null(strstr(buf_cstr(&why), "gateway.yaml:3: not YAML: "));
    assert_null(read_bytes(BYTES("log: {}\n\ncache: {host: \"\xff\"}\n")));
    assert_non_null(strstr(buf_cstr(&why), "gateway.yaml:3: not YAML: "));
    assert_null(read_bytes(BYTES("\xff\xfel\0o\0g\0:\0 \0{\0}\0"))); /* UTF-16 */
    assert_non_null(strstr(buf_cstr(&why), "gateway.yaml:1: not YAML: "));
    assert_null(read_bytes(BYTES("log: {}\n\0")));
}

/* Broken: a file of any size would be read into memory; or one of the full size be refused. */
static void size_is_limited(void **state)
{
    (void)state;
    static char yaml[64 * 1024 + 1];
    memset(yaml, '#', sizeof yaml);
    memcpy(yaml, RULES_KEPT, sizeof RULES_KEPT - 1);
    struct config *config = read_bytes(bytes_of(yaml, sizeof yaml - 1));
    assert_non_null(config);
    config_destroy(&config);
    assert_refused_bytes(bytes_of(yaml, sizeof yaml),
                         ": longer than 65536 bytes, which no configuration is");
}

/* Broken: a missing or unreadable file would be taken for an empty one. */
static void missing_file_is_told(void **state)
{
    (void)state;
    why = BUF_OVER(why_storage);
    assert_null(config_read("/nowhere/gateway.yaml", &why));
    assert_string_equal(buf_cstr(&why), "/nowhere/gateway.yaml: No such file or directory");
    why = BUF_OVER(why_storage);
    assert_null(config_read("/proc", &why));
    assert_string_equal(buf_cstr(&why), "/proc: Is a directory");
}

/* Broken: values that are each right would together make a gateway that can't or must not run. */
static void rules_across_keys_hold(void **state)
{
    (void)state;
    const char *missing = ": public.certificate is missing (or set public.plain_http behind a "
                          "proxy)";
    assert_refused("", missing);
    assert_refused("# nothing but a comment\n", missing);
    assert_refused("public:\n  certificate: c.pem\n",
                   ": public.certificate_key is missing (or set public.plain_http behind a proxy)");
    assert_refused("public:\n  plain_http: true\n  address: localhost\n",
                   ":3: public.address must be an IPv4 or IPv6 address; 0.0.0.0 and :: are all");
    const char *loopback = ":4: internal.address must be a loopback address: 127.0.0.1 or ::1";
    assert_refused(RULES_KEPT "internal:\n  address: 0.0.0.0\n", loopback);
    assert_refused(RULES_KEPT "internal:\n  address: \"::\"\n", loopback);
    assert_refused(RULES_KEPT "internal:\n  address: localhost\n", loopback);
    struct config *config = read_good(RULES_KEPT "internal: {address: \"::1\"}\n");
    config_destroy(&config);
    config = read_good(RULES_KEPT "internal: {address: 127.255.0.9}\n");
    config_destroy(&config);
    char socket[160] = RULES_KEPT "cache: {socket: /";
    memset(socket + strlen(socket), 's', 107);
    strncat(socket, "}\n", 3);
    assert_refused(socket,
                   ":3: cache.socket is longer than the 107 bytes that a Unix socket's path "
                   "may have");
    assert_refused(RULES_KEPT "code: {life_s: 30, refresh_s: 30}\n",
                   ":3: code.refresh_s must be less than code.life_s");
    assert_refused(RULES_KEPT "code: {life_s: 30}\n",
                   ": code.refresh_s must be less than code.life_s");
    const char *prefix = ":3: code.prefix must be https://, host and path, then /v# or /v/; at "
                         "most 35 characters";
    assert_refused(RULES_KEPT "code: {prefix: 'http://x.example/v#'}\n", prefix);
    assert_refused(RULES_KEPT "code: {prefix: 'https://a-host-too-long-for.example/v#'}\n", prefix);
    char yaml[256], others[] = "/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:"
                               "/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1:/1";
    snprintf(yaml, sizeof yaml, RULES_KEPT "evidence: {others: '%s'}\n", others);
    config_destroy((struct config *[]){read_good(yaml)});
    snprintf(yaml, sizeof yaml, RULES_KEPT "evidence: {others: '%s:/2'}\n", others);
    assert_refused(yaml, ":3: evidence.others names more than 32 folders");
}

/* Broken: --print-config would show what can't be used as a configuration, or means another one. */
static void printed_configuration_reads_the_same(void **state)
{
    (void)state;
    struct config *config = read_good("public: {certificate: 'a\"b\\c #: x.pem', certificate_key: "
                                      "\"行 \\u2028 \\uFEFF\\uFFFE😀\"}\n"
                                      "loops: {count: 64}\n"
                                      "http: {server_timing: true}\n"
                                      "log: {level: error}\n");
    size_t len, again_len;
    char *text = printed(config, &len);
    struct config *again = read_bytes(bytes_of(text, len));
    if (!again)
        fail_msg("%s", buf_cstr(&why));
    assert_string_equal(again->public_certificate, config->public_certificate);
    assert_string_equal(again->public_certificate_key, config->public_certificate_key);
    assert_int_equal(again->loops_count, 64);
    assert_true(again->http_server_timing);
    assert_int_equal(config_log_level(again), LOG_ERROR);
    char *again_text = printed(again, &again_len);
    assert_string_equal(again_text, text);
    free(again_text);
    free(text);
    config_destroy(&config);
    config_destroy(&again);
}

/* Broken: --print-config would not tell what a key is for, its unit, range and when it takes
 * effect. */
static void printed_configuration_explains_itself(void **state)
{
    (void)state;
    struct config *config = config_create();
    size_t len;
    char *text = printed(config, &len);
    assert_non_null(strstr(text, "# Limits of a request and of a connection.\nhttp:\n"));
    assert_non_null(strstr(text, "  # waiting to be accepted (1 to 65535 connections); at the next "
                                 "start\n  backlog: 1024\n"));
    assert_non_null(strstr(text, "  # the least that is logged (info|debug|warning|error)\n"
                                 "  level: info\n"));
    free(text);
    config_destroy(&config);
}

/* Broken: a reload would pass over in silence what it can't change. */
static void changes_at_start_are_named(void **state)
{
    (void)state;
    uint8_t storage[256];
    struct buf out = BUF_OVER(storage);
    struct config *old = read_good(RULES_KEPT);
    struct config *same = read_good(RULES_KEPT "log: {level: debug}\nhttp: {drain_ms: 1}\n");
    config_changed_at_start(old, same, &out);
    assert_int_equal(out.len, 0);
    struct config *changed =
        read_good("public: {certificate: a, certificate_key: b}\ncache: {host: h, port: 1}\n");
    config_changed_at_start(old, changed, &out);
    assert_string_equal(buf_cstr(&out), "public.plain_http, cache.host, cache.port");
    config_destroy(&old);
    config_destroy(&same);
    config_destroy(&changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_tables),
        cmocka_unit_test(values_of_every_type_are_read),
        cmocka_unit_test(every_log_level_is_found),
        cmocka_unit_test(files_are_relative_to_the_configuration),
        cmocka_unit_test(unknown_names_are_told_with_the_nearest),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(wrong_types_are_refused),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(the_rest_of_yaml_is_refused),
        cmocka_unit_test(broken_yaml_is_refused_with_its_line),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(missing_file_is_told),
        cmocka_unit_test(rules_across_keys_hold),
        cmocka_unit_test(printed_configuration_reads_the_same),
        cmocka_unit_test(printed_configuration_explains_itself),
        cmocka_unit_test(changes_at_start_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
