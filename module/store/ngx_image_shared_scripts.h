/*
 * What Redis runs for ngx_image_shared.c: Lua, each script one round trip
 * and one slot of a cluster.  docs/redis.md has the form of the records.
 *
 * KEYS[1] is the clock of the prefix.  ARGV[1] comes back as the second value
 * of each answer, so that none is taken for another's.  ARGV[2] is the
 * retention in milliseconds.  All moments are microseconds of Redis' clock,
 * in decimal: they fit a Lua number, but not its way to write one.
 */

#ifndef NGX_IMAGE_SHARED_SCRIPTS_H
#define NGX_IMAGE_SHARED_SCRIPTS_H


/*
 * All begin so.  Rule 6: beside the records is the highest time that was
 * ever seen, and while the clock is behind it nothing is read or written.
 * The highest time is kept as long as the longest of what was written under
 * it: another host may have another retention.
 *
 * What was stored before the clock fell behind looks younger than it is by
 * as much as it fell, also after it has caught up.  So the clock remembers
 * from when on moments can be trusted: its value is "SEEN FLOOR".
 */

#define NGX_IMAGE_SHARED_CLOCK_LUA                                           \
"local time = redis.call('TIME')\n"                                          \
"local now = time[1] * 1000000 + time[2]\n"                                  \
"local keep = tonumber(ARGV[2])\n"                                           \
"\n"                                                                         \
"local function decimal(n)\n"                                                \
"    return string.format('%.0f', n)\n"                                      \
"end\n"                                                                      \
"\n"                                                                         \
"local function answer(word, ...)\n"                                         \
"    return { word, ARGV[1], decimal(now), ... }\n"                          \
"end\n"                                                                      \
"\n"                                                                         \
"local seen, floor = string.match(redis.call('GET', KEYS[1]) or '',\n"       \
"                                 '^(%d+) (%d+)$')\n"                        \
"seen, floor = tonumber(seen) or 0, tonumber(floor) or 0\n"                  \
"\n"                                                                         \
"if seen > now then\n"                                                       \
"    if floor < seen then\n"                                                 \
"        redis.call('SET', KEYS[1], decimal(seen) .. ' ' .. decimal(seen),\n"\
"                   'KEEPTTL')\n"                                            \
"    end\n"                                                                  \
"    return answer('behind', decimal(seen))\n"                               \
"end\n"                                                                      \
"\n"                                                                         \
"redis.call('SET', KEYS[1], decimal(now) .. ' ' .. decimal(floor), 'PX',\n"  \
"           math.max(redis.call('PTTL', KEYS[1]), keep))\n"                  \
"\n"                                                                         \
"-- the fields of a hash.  What is no hash at all is malformed, and so is\n"  \
"-- what has a field that is longer than the longest reference: twelve of\n"  \
"-- that length still fit a reply (NGX_IMAGE_REDIS_BYTES)\n"                 \
"local function fields(key, ...)\n"                                          \
"    local values = redis.pcall('HMGET', key, ...)\n"                        \
"    if values.err and string.find(values.err, 'WRONGTYPE', 1, true) then\n" \
"        return { 'no hash' }\n"                                             \
"    end\n"                                                                  \
"    for i = 1, #values do\n"                                                \
"        if values[i] and #values[i] > 640 then\n"                           \
"            return { 'too long' }\n"                                        \
"        end\n"                                                              \
"    end\n"                                                                  \
"    return values\n"                                                        \
"end\n"                                                                      \
"\n"                                                                         \
"-- a moment, or nil: one in the future, or before the floor, is void\n"     \
"local function moment(text)\n"                                              \
"    local n = tonumber(text)\n"                                             \
"    if n and n > floor and n <= now then\n"                                 \
"        return n\n"                                                         \
"    end\n"                                                                  \
"end\n"                                                                      \
"\n"


/*
 * KEYS[2]: the record, KEYS[3]: the registry's limit.  Answers
 *     ok, ARGV[1], now, floor, the record's fields, the limit's fields
 * and the reader judges them.
 */

#define NGX_IMAGE_SHARED_LOOKUP_LUA                                          \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"local record = fields(KEYS[2], 'version', 'reference', 'platform',\n"       \
"                      'digest', 'digest_at', 'digest_since',\n"             \
"                      'failure', 'failure_at')\n"                           \
"if record.err then\n"                                                       \
"    return record\n"                                                        \
"end\n"                                                                      \
"\n"                                                                         \
"local limit = fields(KEYS[3], 'version', 'registry', 'limited_at',\n"       \
"                     'limited_until')\n"                                    \
"if limit.err then\n"                                                        \
"    return limit\n"                                                         \
"end\n"                                                                      \
"\n"                                                                         \
"local reply = answer('ok', decimal(floor))\n"                               \
"for i = 1, 8 do reply[4 + i] = record[i] or false end\n"                    \
"for i = 1, 4 do reply[12 + i] = limit[i] or false end\n"                    \
"return reply\n"


/*
 * KEYS[2]: the record.  ARGV: "digest" or "failure", when the origin call
 * began, the digest or the reason, reference, platform, engine.
 *
 * Rule 5: an older observation never replaces a newer one of its slot; and a
 * failure never touches the digest.  A run of observations of one digest goes
 * on with each newer one; it ends with another digest, and with a record that
 * was lost or is older than the retention.  An older observation of another
 * digest, that comes late and falls into the run, cuts it: the digest is then
 * known to have been there since it was last seen only.
 */

#define NGX_IMAGE_SHARED_STORE_LUA                                           \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"local slot, value = ARGV[3], ARGV[5]\n"                                     \
"local at = moment(ARGV[4])\n"                                               \
"\n"                                                                         \
"if not at or now - at >= keep * 1000 then\n"                                \
"    return answer('void')\n"                                                \
"end\n"                                                                      \
"\n"                                                                         \
"local record = fields(KEYS[2], 'version', 'reference', 'platform',\n"       \
"                      'digest', 'digest_at', 'digest_since',\n"             \
"                      'failure_at')\n"                                      \
"if record.err then\n"                                                       \
"    return record\n"                                                        \
"end\n"                                                                      \
"\n"                                                                         \
"if record[1] ~= '1' or record[2] ~= ARGV[6] or record[3] ~= ARGV[7] then\n" \
"    redis.call('DEL', KEYS[2])\n"                                           \
"    record = {}\n"                                                          \
"end\n"                                                                      \
"\n"                                                                         \
"if slot == 'failure' then\n"                                                \
"    local was = moment(record[7])\n"                                        \
"\n"                                                                         \
"    if was and at <= was then\n"                                            \
"        return answer('older')\n"                                           \
"    end\n"                                                                  \
"\n"                                                                         \
"    redis.call('HSET', KEYS[2], 'failure', value,\n"                        \
"               'failure_at', decimal(at))\n"                                \
"else\n"                                                                     \
"    local was, since = moment(record[5]), moment(record[6])\n"              \
"    local same = record[4] == value\n"                                      \
"\n"                                                                         \
"    if was and now - was >= keep * 1000 then\n"                             \
"        was = nil\n"                                                        \
"    end\n"                                                                  \
"\n"                                                                         \
"    if was and at <= was then\n"                                            \
"        if not same and at >= (since or 0) then\n"                          \
"            redis.call('HSET', KEYS[2], 'digest_since', decimal(was))\n"    \
"        end\n"                                                              \
"        return answer('older')\n"                                           \
"    end\n"                                                                  \
"\n"                                                                         \
"    if not (was and same and since and since <= was) then\n"                \
"        since = at\n"                                                       \
"    end\n"                                                                  \
"\n"                                                                         \
"    redis.call('HSET', KEYS[2], 'digest', value,\n"                         \
"               'digest_at', decimal(at), 'digest_since', decimal(since))\n" \
"end\n"                                                                      \
"\n"                                                                         \
"redis.call('HSET', KEYS[2], 'version', '1', 'reference', ARGV[6],\n"        \
"           'platform', ARGV[7], 'engine', ARGV[8])\n"                       \
"\n"                                                                         \
"if redis.call('PTTL', KEYS[2]) < keep then\n"                               \
"    redis.call('PEXPIRE', KEYS[2], keep)\n"                                 \
"end\n"                                                                      \
"\n"                                                                         \
"return answer('stored')\n"


/*
 * KEYS[2]: the registry's limit.  ARGV: when the origin call began, how many
 * microseconds it holds from then on, registry, engine.
 */

#define NGX_IMAGE_SHARED_LIMIT_LUA                                           \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"local at = moment(ARGV[3])\n"                                               \
"local till = (at or 0) + tonumber(ARGV[4])\n"                               \
"\n"                                                                         \
"if not at or till <= now then\n"                                            \
"    return answer('void')\n"                                                \
"end\n"                                                                      \
"\n"                                                                         \
"local limit = fields(KEYS[2], 'version', 'registry', 'limited_at')\n"       \
"if limit.err then\n"                                                        \
"    return limit\n"                                                         \
"end\n"                                                                      \
"\n"                                                                         \
"if limit[1] ~= '1' or limit[2] ~= ARGV[5] then\n"                           \
"    redis.call('DEL', KEYS[2])\n"                                           \
"    limit = {}\n"                                                           \
"end\n"                                                                      \
"\n"                                                                         \
"local was = moment(limit[3])\n"                                             \
"\n"                                                                         \
"if was and at <= was then\n"                                                \
"    return answer('older')\n"                                               \
"end\n"                                                                      \
"\n"                                                                         \
"redis.call('HSET', KEYS[2], 'version', '1', 'registry', ARGV[5],\n"         \
"           'engine', ARGV[6], 'limited_at', decimal(at),\n"                 \
"           'limited_until', decimal(till))\n"                               \
"redis.call('PEXPIRE', KEYS[2], math.ceil((till - now) / 1000))\n"           \
"\n"                                                                         \
"return answer('stored')\n"


#endif /* NGX_IMAGE_SHARED_SCRIPTS_H */
