/*
 * What Redis runs for ngx_image_shared*.c: Lua, each script one round trip
 * and one slot of a cluster.  docs/redis.md has the form of the records.
 *
 * KEYS[1] is the clock of the prefix.  ARGV[1] comes back as the second value
 * of each answer, so that none is taken for another's; after it are Redis'
 * time and the one to which its clock was ahead.  ARGV[2] is the retention in
 * milliseconds, and the last of ARGV the highest time that the host knows of
 * (image_window.h).  All moments are microseconds of Redis' clock, in decimal:
 * they fit a Lua number, but not its way to write one.
 */

#ifndef NGX_IMAGE_SHARED_SCRIPTS_H
#define NGX_IMAGE_SHARED_SCRIPTS_H


/*
 * All begin so.  Rule 6: beside the records is the highest time that was
 * ever seen, and while the clock is behind it nothing is read, leased or
 * written.  The highest time is kept as long as the longest of what was
 * written under it: another host may have another retention.
 *
 * What was stored before the clock fell behind looks younger than it is by
 * as much as it fell, also after it has caught up.  So the clock remembers
 * from when on moments can be trusted, and, for the windows of tag keys, the
 * highest time before it fell by more than IMAGE_WINDOW_SLEW: its value is
 * "SEEN FLOOR AHEAD".
 *
 * It may have fallen while nobody asked, or bit by bit, and not be behind what
 * was seen by so much.  A host knows by its own clock, and is believed up to
 * NGX_IMAGE_SHARED_HIGHEST: for the windows only, which cost little, as it may
 * be the host's clock that is wrong.
 */

/* microseconds, with the scripts */
#define NGX_IMAGE_SHARED_HIGHEST  ((int64_t) 3600000000)

#define NGX_IMAGE_SHARED_CLOCK_LUA                                           \
"local time = redis.call('TIME')\n"                                          \
"local now = time[1] * 1000000 + time[2]\n"                                  \
"local keep = tonumber(ARGV[2])\n"                                           \
"\n"                                                                         \
"local function decimal(n)\n"                                                \
"    return string.format('%.0f', n)\n"                                      \
"end\n"                                                                      \
"\n"                                                                         \
"-- of another type it is nothing, and is written over\n"                    \
"local text = redis.pcall('GET', KEYS[1])\n"                                 \
"local seen, floor, ahead = string.match(\n"                                 \
"    type(text) == 'string' and text or '', '^(%d+) (%d+) (%d+)$')\n"        \
"seen, floor, ahead = tonumber(seen) or 0, tonumber(floor) or 0,\n"          \
"                     tonumber(ahead) or 0\n"                                \
"if seen >= 2^53 then seen = 0 end\n"                                        \
"if floor > seen then floor = 0 end\n"                                       \
"if ahead > math.max(seen, now) + 3600000000 then ahead = 0 end\n"           \
"\n"                                                                         \
"local was, highest = ahead, tonumber(ARGV[#ARGV])\n"                        \
"if highest - now > 1000000 and highest - now <= 3600000000 then\n"          \
"    ahead = math.max(ahead, highest)\n"                                     \
"end\n"                                                                      \
"\n"                                                                         \
"local function answer(word, ...)\n"                                         \
"    return { word, ARGV[1], decimal(now), decimal(ahead), ... }\n"          \
"end\n"                                                                      \
"\n"                                                                         \
"local function value(seen)\n"                                               \
"    return decimal(seen) .. ' ' .. decimal(floor) .. ' ' .. decimal(ahead)\n"\
"end\n"                                                                      \
"\n"                                                                         \
"if seen > now then\n"                                                       \
"    if seen - now > 1000000 then\n"                                         \
"        ahead = math.max(ahead, seen)\n"                                    \
"    end\n"                                                                  \
"    if floor < seen or was < ahead then\n"                                  \
"        floor = seen\n"                                                     \
"        redis.call('SET', KEYS[1], value(seen), 'KEEPTTL')\n"               \
"    end\n"                                                                  \
"    return answer('behind', decimal(seen))\n"                               \
"end\n"                                                                      \
"\n"                                                                         \
"-- a key that somebody else wrote may have an expiry beyond all numbers\n"  \
"redis.call('SET', KEYS[1], value(now), 'PX',\n"                             \
"           decimal(math.min(math.max(redis.call('PTTL', KEYS[1]), keep),\n" \
"                            1e15)))\n"                                      \
"\n"                                                                         \
"-- the fields of a hash.  What is no hash at all is malformed, and so is\n" \
"-- what has a field that is longer than the longest reference: seventeen\n" \
"-- of that length still fit a reply (IMAGE_REPLY_BYTES)\n"              \
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
"\n"                                                                         \
"-- the moment of a reference's last invalidation, or 0: one in the future\n"\
"-- is void\n"                                                               \
"local function invalidated(key)\n"                                          \
"    local text = redis.pcall('GET', key)\n"                                 \
"    local n = type(text) == 'string' and tonumber(text)\n"                  \
"    return n and n > 0 and n <= now and n or 0\n"                           \
"end\n"


/* those that end a lease begin so: ARGV[3] is its token, ARGV[4] the channel
 * of the prefix, ARGV[5] what is said there */

#define NGX_IMAGE_SHARED_LEASE_LUA                                           \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"-- a lease that is ours ends, and those who wait for it are told\n"         \
"local function release(key, token, channel, news)\n"                        \
"    local owner = redis.pcall('GET', key)\n"                                \
"    if owner == token then\n"                                               \
"        redis.call('DEL', key)\n"                                           \
"    end\n"                                                                  \
"    redis.pcall('SPUBLISH', channel, news)\n"                               \
"end\n"


/*
 * Lookup or lease.  KEYS[2]: the record, KEYS[3]: the registry's limit,
 * KEYS[4]: when the reference was invalidated, KEYS[5]: the lease.  ARGV: what
 * age in microseconds of a digest is enough, and of a failure; the token of
 * the lease that is wanted otherwise; its milliseconds.  Nothing is
 * enough where the first is 0, not even that the registry wants to be left
 * alone: then the reader did not believe what there was.  Answers
 *     ok, ARGV[1], now, ahead, floor, invalid, lease, its milliseconds,
 *     the record's fields, the limit's fields
 * and the reader judges them.
 */

#define NGX_IMAGE_SHARED_LOOKUP_LUA                                          \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"local want, want_failure = tonumber(ARGV[3]), tonumber(ARGV[4])\n"          \
"local record = fields(KEYS[2], 'version', 'reference', 'platform',\n"       \
"                      'digest', 'digest_at', 'digest_since',\n"             \
"                      'digest_mac', 'failure', 'failure_at',\n"             \
"                      'failure_mac')\n"                                     \
"if record.err then\n"                                                       \
"    return record\n"                                                        \
"end\n"                                                                      \
"\n"                                                                         \
"local limit = fields(KEYS[3], 'version', 'registry', 'limited_at',\n"       \
"                     'limited_until', 'mac')\n"                             \
"if limit.err then\n"                                                        \
"    return limit\n"                                                         \
"end\n"                                                                      \
"\n"                                                                         \
"local invalid = invalidated(KEYS[4])\n"                                     \
"\n"                                                                         \
"local function enough(at, span)\n"                                          \
"    at = moment(at)\n"                                                      \
"    return at and at > invalid and now - at < span\n"                       \
"end\n"                                                                      \
"\n"                                                                         \
"local lease, left = 'none', 0\n"                                            \
"\n"                                                                         \
"if not (enough(record[5], want) or enough(record[9], want_failure)\n"       \
"        or (want > 0 and (tonumber(limit[4]) or 0) > now))\n"               \
"then\n"                                                                     \
"    local owner = redis.pcall('GET', KEYS[5])\n"                            \
"    left = redis.call('PTTL', KEYS[5])\n"                                   \
"    -- no lease lasts longer, and each has an end\n"                        \
"    if not owner or owner == ARGV[5] or left < 0\n"                         \
"        or left > tonumber(ARGV[6])\n"                                      \
"    then\n"                                                                 \
"        redis.call('SET', KEYS[5], ARGV[5], 'PX', ARGV[6])\n"               \
"        lease = 'ours'\n"                                                   \
"    else\n"                                                                 \
"        lease = 'theirs'\n"                                                 \
"    end\n"                                                                  \
"end\n"                                                                      \
"\n"                                                                         \
"local reply = answer('ok', decimal(floor), decimal(invalid), lease,\n"      \
"                     decimal(math.max(left, 0)))\n"                         \
"for i = 1, 10 do reply[8 + i] = record[i] or false end\n"                   \
"for i = 1, 5 do reply[18 + i] = limit[i] or false end\n"                    \
"return reply\n"


/*
 * Store and release.  KEYS[2]: the record, KEYS[3]: when the reference was
 * invalidated, KEYS[4]: the lease.  ARGV from 6: "digest" or "failure", when
 * the origin call began, the digest or the reason, reference, platform,
 * engine, its MAC; then of a failure for how many milliseconds it is kept;
 * and of a digest with a MAC: the begin of the newest and of the first
 * observation of the run that the writer has seen, and the MAC of its going
 * on.
 *
 * Rule 5: an older observation never replaces a newer one of its slot; and a
 * failure never touches the digest.  A run of observations of one digest goes
 * on with each newer one; it ends with another digest, and with a record that
 * was lost or is older than the retention.  An older observation of another
 * digest, that comes late and falls into the run, cuts it: the digest is then
 * known to have been there since it was last seen only.
 */

#define NGX_IMAGE_SHARED_STORE_LUA                                           \
NGX_IMAGE_SHARED_LEASE_LUA                                                   \
"local slot, value = ARGV[6], ARGV[8]\n"                                     \
"local at = moment(ARGV[7])\n"                                               \
"\n"                                                                         \
"release(KEYS[4], ARGV[3], ARGV[4], ARGV[5])\n"                              \
"\n"                                                                         \
"if not at or now - at >= keep * 1000 or at <= invalidated(KEYS[3]) then\n"  \
"    return answer('void')\n"                                                \
"end\n"                                                                      \
"\n"                                                                         \
"local record = fields(KEYS[2], 'version', 'reference', 'platform',\n"       \
"                      'digest', 'digest_at', 'digest_since',\n"             \
"                      'failure_at', 'digest_alone')\n"                      \
"if record.err then\n"                                                       \
"    return record\n"                                                        \
"end\n"                                                                      \
"\n"                                                                         \
"if record[1] ~= '1' or record[2] ~= ARGV[9] or record[3] ~= ARGV[10] then\n"\
"    redis.call('DEL', KEYS[2])\n"                                           \
"    record = {}\n"                                                          \
"end\n"                                                                      \
"\n"                                                                         \
"local function mac(name, text)\n"                                           \
"    if text and text ~= '' then\n"                                          \
"        redis.call('HSET', KEYS[2], name, text)\n"                          \
"    else\n"                                                                 \
"        redis.call('HDEL', KEYS[2], name)\n"                                \
"    end\n"                                                                  \
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
"    mac('failure_mac', ARGV[12])\n"                                         \
"else\n"                                                                     \
"    local was, since = moment(record[5]), moment(record[6])\n"              \
"    local same = record[4] == value\n"                                      \
"\n"                                                                         \
"    if was and (now - was >= keep * 1000\n"                                 \
"                or was <= invalidated(KEYS[3]))\n"                          \
"    then\n"                                                                 \
"        was = nil\n"                                                        \
"    end\n"                                                                  \
"\n"                                                                         \
"    if was and at <= was then\n"                                            \
"        if not same and at >= (since or 0) then\n"                          \
"            redis.call('HSET', KEYS[2], 'digest_since', decimal(was))\n"    \
"            mac('digest_mac', record[8])\n"                                 \
"        end\n"                                                              \
"        return answer('older')\n"                                           \
"    end\n"                                                                  \
"\n"                                                                         \
"    -- the writer speaks for the run that it has seen, and only for that\n" \
"    local run = was and same and since and since <= was\n"                  \
"    if ARGV[12] ~= '' then\n"                                               \
"        run = run and ARGV[14] ~= '' and was == tonumber(ARGV[13])\n"       \
"              and since == tonumber(ARGV[14])\n"                            \
"    end\n"                                                                  \
"\n"                                                                         \
"    if not run then\n"                                                      \
"        since = at\n"                                                       \
"    end\n"                                                                  \
"\n"                                                                         \
"    redis.call('HSET', KEYS[2], 'digest', value,\n"                         \
"               'digest_at', decimal(at), 'digest_since', decimal(since))\n" \
"    mac('digest_mac', run and ARGV[15] or ARGV[12])\n"                      \
"    mac('digest_alone', ARGV[12])\n"                                        \
"end\n"                                                                      \
"\n"                                                                         \
"redis.call('HSET', KEYS[2], 'version', '1', 'reference', ARGV[9],\n"        \
"           'platform', ARGV[10], 'engine', ARGV[11])\n"                     \
"\n"                                                                         \
"-- a failure alone is of no use for longer\n"                               \
"local span = slot == 'failure' and not record[4] and tonumber(ARGV[13])\n"  \
"             or keep\n"                                                     \
"if redis.call('PTTL', KEYS[2]) < span then\n"                               \
"    redis.call('PEXPIRE', KEYS[2], decimal(span))\n"                        \
"end\n"                                                                      \
"\n"                                                                         \
"return answer('stored')\n"


/*
 * KEYS[2]: the registry's limit, KEYS[3]: the lease.  ARGV from 6: when the
 * origin call began, until when it holds, registry, engine, the MAC.
 */

#define NGX_IMAGE_SHARED_LIMIT_LUA                                           \
NGX_IMAGE_SHARED_LEASE_LUA                                                   \
"local at, till = moment(ARGV[6]), tonumber(ARGV[7])\n"                      \
"\n"                                                                         \
"release(KEYS[3], ARGV[3], ARGV[4], ARGV[5])\n"                              \
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
"if limit[1] ~= '1' or limit[2] ~= ARGV[8] then\n"                           \
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
"redis.call('HSET', KEYS[2], 'version', '1', 'registry', ARGV[8],\n"         \
"           'engine', ARGV[9], 'limited_at', decimal(at),\n"                 \
"           'limited_until', decimal(till))\n"                               \
"if ARGV[10] ~= '' then\n"                                                   \
"    redis.call('HSET', KEYS[2], 'mac', ARGV[10])\n"                         \
"else\n"                                                                     \
"    redis.call('HDEL', KEYS[2], 'mac')\n"                                   \
"end\n"                                                                      \
"redis.call('PEXPIRE', KEYS[2], math.ceil((till - now) / 1000))\n"           \
"\n"                                                                         \
"return answer('stored')\n"


/* KEYS[2]: the lease.  ARGV: its token, its milliseconds.  One that has ended
 * is taken again, since nobody else has wanted it */

#define NGX_IMAGE_SHARED_RENEW_LUA                                           \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"local owner = redis.pcall('GET', KEYS[2])\n"                                \
"\n"                                                                         \
"if owner and owner ~= ARGV[3] then\n"                                       \
"    return answer('lost')\n"                                                \
"end\n"                                                                      \
"\n"                                                                         \
"redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])\n"                       \
"\n"                                                                         \
"return answer('renewed')\n"


/* KEYS[2]: the lease; nothing was learnt that other hosts could use */

#define NGX_IMAGE_SHARED_RELEASE_LUA                                         \
NGX_IMAGE_SHARED_LEASE_LUA                                                   \
"release(KEYS[2], ARGV[3], ARGV[4], ARGV[5])\n"                              \
"\n"                                                                         \
"return answer('released')\n"


/*
 * Rule 13.  KEYS[2]: the session's record, KEYS[3]: when the reference was
 * invalidated, which counts until there is a record.  ARGV: reference,
 * platform, and the digest that it is to be, or empty; when the origin call
 * began that saw it, and its MAC.  The first one stays.  Answers
 *     ok, ARGV[1], now, ahead, how many milliseconds more, invalid, the
 *     record's fields
 * or "bound", if it was none yet.
 */

#define NGX_IMAGE_SHARED_SESSION_LUA                                         \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"local names = { 'version', 'reference', 'platform', 'digest',\n"            \
"                'digest_at', 'mac' }\n"                                     \
"local record = fields(KEYS[2], unpack(names))\n"                            \
"if record.err then\n"                                                       \
"    return record\n"                                                        \
"end\n"                                                                      \
"\n"                                                                         \
"local word, invalid = 'ok', invalidated(KEYS[3])\n"                         \
"if ARGV[5] ~= '' and tonumber(ARGV[6]) > invalid\n"                         \
"    and redis.call('PTTL', KEYS[2]) == -2\n"                                \
"then\n"                                                                     \
"    word = 'bound'\n"                                                       \
"    record = { '1', ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7] }\n"        \
"    for i = 1, ARGV[7] ~= '' and 6 or 5 do\n"                               \
"        redis.call('HSET', KEYS[2], names[i], record[i])\n"                 \
"    end\n"                                                                  \
"    redis.call('PEXPIRE', KEYS[2], keep)\n"                                 \
"end\n"                                                                      \
"\n"                                                                         \
"local reply = answer(word, decimal(math.max(\n"                             \
"    redis.call('PTTL', KEYS[2]), 0)), decimal(invalid))\n"                  \
"for i = 1, 6 do reply[6 + i] = record[i] or false end\n"                    \
"return reply\n"


/* KEYS[2]: when anything was invalidated last */

#define NGX_IMAGE_SHARED_INVALIDATED_LUA                                     \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"return answer('ok', decimal(invalidated(KEYS[2])))\n"


/* its time, and nothing else */

#define NGX_IMAGE_SHARED_TIME_LUA                                            \
NGX_IMAGE_SHARED_CLOCK_LUA                                                   \
"return answer('ok')\n"


#endif /* NGX_IMAGE_SHARED_SCRIPTS_H */
