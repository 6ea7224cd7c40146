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
    /* code:{cti}:mac; field or '', entry -> key, exists, counted, first; of a known code whose scan
     * counts also what it was displayed as, as text. The key exists with its 'issued' alone. */
    [SCRIPT_SCAN] = "#!lua flags=allow-oom\n"
                    "local key, field = KEYS[1], ARGV[1]\n"
                    "if field == '' then\n"
                    "  return {key, redis.call('HEXISTS', key, 'issued'), 0, false}\n"
                    "end\n"
                    "local code = redis.call('HMGET', key, 'issued', field, 'acting')\n"
                    "if not code[1] then return {key, 0, 0, false} end\n"
                    "if code[2] then return {key, 1, 0, code[2], code[3]} end\n"
                    "redis.call('HSET', key, field, ARGV[2])\n"
                    "return {key, 1, 1, false, code[3]}\n",

    /* code:{cti}:mac; field or '', entry, issued, life in seconds, acting or ''
     * -> key, exists, counted, first */
    [SCRIPT_REMEMBER] = "#!lua flags=allow-oom\n"
                        "local key, field = KEYS[1], ARGV[1]\n"
                        "if redis.call('HSETNX', key, 'issued', ARGV[3]) == 1 then\n"
                        "  redis.call('EXPIRE', key, ARGV[4])\n"
                        "  if ARGV[5] ~= '' then redis.call('HSET', key, 'acting', ARGV[5]) end\n"
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

    /* once:{name}; life in seconds -> key, OK or nil */
    [SCRIPT_ONCE] = "#!lua flags=allow-oom\n"
                    "return {KEYS[1], redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1])}\n",

    /* bucket:{name}; tokens of a full one, milliseconds in which an empty one fills, tokens wanted
     * -> key, there, whole tokens left, milliseconds to wait.
     * Kept is what is missing, and since when, until nothing is missing. It is counted in parts of
     * a token: as many make one as there are milliseconds, and each millisecond brings back as many
     * as the bucket has tokens, so all is exact, and below 2^53 (10^6 tokens, 86,400,000 ms).
     * Counting what is missing, not what is there, leaves it right when the size is changed. */
    [SCRIPT_TAKE] = "#!lua flags=allow-oom\n"
                    "local key, size, token = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])\n"
                    "local wanted = tonumber(ARGV[3])\n"
                    "local time = redis.call('TIME')\n"
                    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
                    "local full, missing = size * token, 0\n"
                    "local kept = redis.pcall('GET', key)\n"
                    "if type(kept) == 'string' then\n"
                    "  local parts, since = string.match(kept, '^(%d+) (%d+)$')\n"
                    "  if parts and #parts <= 15 and #since <= 15 then\n"
                    "    local passed = math.max(0, now - since)\n"
                    "    missing = math.max(0, math.min(parts, full) - passed * size)\n"
                    "  end\n"
                    "end\n"
                    "local there, wait = 1, 0\n"
                    "local lacking = missing + math.max(1, wanted) * token - full\n"
                    "if lacking > 0 then\n"
                    "  there, wait = 0, math.ceil(lacking / size)\n"
                    "else\n"
                    "  missing = missing + wanted * token\n"
                    "end\n"
                    "if missing > 0 then\n"
                    "  redis.call('SET', key, string.format('%.0f %.0f', missing, now),\n"
                    "    'PX', string.format('%.0f', math.ceil(missing / size)))\n"
                    "end\n"
                    "return {key, there, math.floor((full - missing) / token), wait}\n",
};
