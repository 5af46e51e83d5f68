const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const LONG_DAY = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)'
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = `(?<month>${MONTHS.join('|')})`

// RFC 9110 §5.6.7. Date.parse accepts "1" and "tomorrow 5" as dates, and reads asctime as local time.
const IMF_FIXDATE = new RegExp(`^${DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`)
const RFC_850 = new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`)
const ASCTIME = new RegExp(`^${DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`)

const IMF_LENGTH = 'Sun, 06 Nov 1994 08:49:37 GMT'.length

/** The time of an HTTP date in any of its three formats; `undefined` if it is not one. */
export function parseHttpDate(text: string): Date | undefined {
  // Nearly all dates are what JavaScript writes, which is parsed in a fraction of the time.
  const usual = new Date(text)
  if (text.length === IMF_LENGTH && usual.toUTCString() === text) return usual
  const match = IMF_FIXDATE.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text)
  const { year = '', month = '', day, hour, minute, second } = match?.groups ?? {}
  if (!match) return undefined
  const date = new Date(0)
  date.setUTCFullYear(fullYear(year), MONTHS.indexOf(month), Number(day))
  // A 31 February has rolled over into March.
  if (date.getUTCDate() !== Number(day)) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  date.setUTCHours(Number(hour), Number(minute), Number(second))
  return date
}

/** Seconds since 1970: HTTP dates have no milliseconds, so validators are compared without them. */
export function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

// RFC 9110 §5.6.7: a two-digit year that seems more than 50 years ahead is in the past.
function fullYear(digits: string): number {
  if (digits.length === 4) return Number(digits)
  const now = new Date().getUTCFullYear()
  const year = now - (now % 100) + Number(digits)
  return year > now + 50 ? year - 100 : year
}

/** Longer waits are cut to this: a date may be wrong by decades. */
const LONGEST_WAIT_MS = 60_000

/** The wait of a Retry-After in milliseconds, given in seconds or as a date (RFC 9110 §10.2.3); `undefined` if there is none. */
export function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined
  const wait = /^\d+$/.test(header)
    ? Number(header) * 1000
    : (parseHttpDate(header)?.getTime() ?? 0) - Date.now()
  return wait > 0 ? Math.min(wait, LONGEST_WAIT_MS) : undefined
}
