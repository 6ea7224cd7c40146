#include "cache/redis.h"

/* Each touches the keys of one hash tag, so that a cluster stays possible, and opens its answer
 * with what it was asked. allow-oom: the codes, and the bits that are there already, go on when
 * memory is short and faces are no longer stored. Numbers stay below 2^53 (CACHE_SEQ_MAX),
 * generations are compared as text.
 *
 * POSITION: generation and seq, or nil when the list is absent: not of its full length, or without
 * a well-formed seq. A key of another type counts as absent too, so that a rebuild can mend it. */
#define POSITION                                                                                   \
    "local function position()\n"                                                                  \
    "  if redis.pcall('STRLEN', KEYS[1]) ~= 262144 then return nil end\n"                          \
    "  local text = redis.pcall('GET', KEYS[2])\n"                                                 \
    "  if type(text) ~= 'string' then return nil end\n"                                            \
    "  local generation, seq = string.match(text, '^(%d+) (%d+)$')\n"                              \
    "  if not seq or #seq > 15 or #generation > 20 then return nil end\n"                          \
    "  return generation, tonumber(seq)\n"                                                         \
    "end\n"

const char *const script_texts[SCRIPT_COUNT] = {
    /* code:{cti}:mac; field or '', entry -> key, exists, counted, first */
    [SCRIPT_SCAN] = "#!lua flags=allow-oom\n"
                    "local key, field = KEYS[1], ARGV[1]\n"
                    "if redis.call('EXISTS', key) == 0 then return {key, 0, 0, false} end\n"
                    "if field == '' then return {key, 1, 0, false} end\n"
                    "if redis.call('HSETNX', key, field, ARGV[2]) == 1 then\n"
                    "  return {key, 1, 1, false}\n"
                    "end\n"
                    "return {key, 1, 0, redis.call('HGET', key, field)}\n",

    /* code:{cti}:mac; field or '', entry, issued, life in seconds -> key, exists, counted, first */
    [SCRIPT_REMEMBER] = "#!lua flags=allow-oom\n"
                        "local key, field = KEYS[1], ARGV[1]\n"
                        "if redis.call('HSETNX', key, 'issued', ARGV[3]) == 1 then\n"
                        "  redis.call('EXPIRE', key, ARGV[4])\n"
                        "end\n"
                        "if field == '' then return {key, 1, 0, false} end\n"
                        "if redis.call('HSETNX', key, field, ARGV[2]) == 1 then\n"
                        "  return {key, 1, 1, false}\n"
                        "end\n"
                        "return {key, 1, 0, redis.call('HGET', key, field)}\n",

    /* status:{L}, status:{L}:seq; first, last, generation, (bit offset, bits)...
     * -> key, first, 0 done | 1 gap | 2 absent, Redis's seq */
    [SCRIPT_APPLY] = "#!lua flags=allow-oom\n" POSITION "local generation, seq = position()\n"
                     "if generation ~= ARGV[3] then return {KEYS[1], ARGV[1], 2, 0} end\n"
                     "local first, last = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
                     "if first > seq + 1 then return {KEYS[1], ARGV[1], 1, seq} end\n"
                     "if last <= seq then return {KEYS[1], ARGV[1], 0, seq} end\n"
                     "local set = {'BITFIELD', KEYS[1]}\n"
                     "for n = seq + 1, last do\n"
                     "  local at = 4 + 2 * (n - first)\n"
                     "  local k = #set\n"
                     "  set[k + 1], set[k + 2], set[k + 3], set[k + 4] =\n"
                     "    'SET', 'u2', ARGV[at], ARGV[at + 1]\n"
                     "end\n"
                     "redis.call(unpack(set))\n"
                     "redis.call('SET', KEYS[2], ARGV[3] .. ' ' .. ARGV[2])\n"
                     "return {KEYS[1], ARGV[1], 0, last}\n",

    /* status:{L}, status:{L}:seq; seq, generation, array -> key, seq, 0 done | 3 newer, Redis's seq
     */
    [SCRIPT_REBUILD] = "#!lua flags=allow-oom\n" POSITION "local generation, seq = position()\n"
                       "if generation == ARGV[2] and seq > tonumber(ARGV[1]) then\n"
                       "  return {KEYS[1], ARGV[1], 3, seq}\n"
                       "end\n"
                       "redis.call('SET', KEYS[1], ARGV[3])\n"
                       "redis.call('SET', KEYS[2], ARGV[2] .. ' ' .. ARGV[1])\n"
                       "return {KEYS[1], ARGV[1], 0, tonumber(ARGV[1])}\n",
};
