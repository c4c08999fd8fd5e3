"""The shared log: what is asked of Redis, and why no window holds too many calls.

Redis keeps a sorted set with one member for each slot taken; its score is when the slot is free
again, in microseconds of Redis' own clock.
`TAKE` runs in Redis as one step, so no two callers get the same slot.

Why it is exact at the senders, whose clocks tell Redis nothing:

1. A client reads its clock at `a`, then writes its question; Redis stamps the slot at `s`; the
   client reads its clock at `u` when the answer is there, and sends its call then.
   An answer comes after its question, so `a <= s <= u` at any one clock.
2. The slot is used only if `u - a <= margin`, hence `s <= u <= s + margin`.
   Redis keeps it until `e = s + interval + margin`.
3. The next to get this slot is stamped at `s' >= e` and used at `u' >= s' >= e >= u + interval`.
   So the uses of one slot lie an interval apart, and `limit` slots are never used more than
   `limit` times in any half-open window of that length.
4. An answer that took longer than `margin` is not used. The caller asks again under the same name,
   which replaces what it had, with a margin that fits the round trip it has seen.

Only lengths of time are compared across machines, never times. The interval is one of Redis' clock.
A clock of Redis that is set back is noticed and the log moved back with it, so that nobody waits
longer than an interval; one that is set forward frees slots early by as much.
"""

import hashlib

__all__ = ["CLOCK", "GIVE_BACK", "NO_SCRIPT", "TAKE", "TAKE_SHA", "BadReply", "pack", "read_reply"]

CLOCK = "clock"
"""The member of the log that is no slot: its score is when the log was last asked."""

# KEYS: the log. ARGV: name of the caller, slots it needs, limit, interval and margin in
# microseconds, whether to take them. Returns 0 if the slots are free, else the microseconds until
# they are. Numbers are formatted by us: 16 digits are more than Lua shows.
TAKE = """
local log, name = KEYS[1], ARGV[1]
local cost, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
local length = ARGV[4] + ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function add(score, member)
  redis.call('ZADD', log, string.format('%.0f', score), member)
end

local last = tonumber(redis.call('ZSCORE', log, 'clock') or now)
if now < last then
  local all = redis.call('ZRANGE', log, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do add(all[i + 1] - (last - now), all[i]) end
end
for i = 1, cost do redis.call('ZREM', log, name .. ':' .. i) end
redis.call('ZREMRANGEBYSCORE', log, '-inf', string.format('%.0f', now))

local used = redis.call('ZCARD', log)
local wait = 0
if used + cost > limit then
  local rank = used + cost - limit - 1
  wait = redis.call('ZRANGE', log, rank, rank, 'WITHSCORES')[2] - now
elseif ARGV[6] == '1' then
  for i = 1, cost do add(now + length, name .. ':' .. i) end
end

local newest = redis.call('ZRANGE', log, -1, -1, 'WITHSCORES')[2]
if newest then
  add(now, 'clock')
  redis.call('PEXPIRE', log, string.format('%.0f', math.ceil((newest - now) / 1000) + 1))
end
return wait
"""
TAKE_SHA = hashlib.sha1(TAKE.encode(), usedforsecurity=False).hexdigest()

# KEYS: the log. ARGV: name of the caller, slots it asked for.
GIVE_BACK = "for i = 1, ARGV[2] do redis.call('ZREM', KEYS[1], ARGV[1] .. ':' .. i) end"

NO_SCRIPT = "NOSCRIPT"


class BadReply(Exception):
    """What came is no answer to what was asked."""


def pack(*words: str | bytes | int) -> bytes:
    r"""Write a command in the Redis protocol.

    Example:
        >>> pack("SELECT", 2)
        b'*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n'
    """
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogatepass")
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def read_reply(line: bytes) -> int | str:
    r"""Read the line of an answer: a number, or the first word of a status or an error.

    Example:
        >>> read_reply(b":1500\r\n"), read_reply(b"-LOADING Redis is loading\r\n")
        (1500, 'LOADING')

    Raises:
        BadReply: If it is neither.
    """
    kind, text = line[:1], line[1:-2]
    if not line.endswith(b"\r\n"):
        raise BadReply("a line without an end")
    if kind == b":" and text.isdigit() and len(text) < 17:
        return int(text)
    word = text.split(b" ", 1)[0]
    if kind in (b"+", b"-") and word.isalnum() and len(word) < 33:
        return word.decode("ascii")
    raise BadReply("neither a number nor a status")
