export interface Records {
  records: string[][]
  /** Where the first record begins that is not complete yet. */
  end: number
  /** Why the record at `end` cannot be read. */
  problem?: string
}

/**
 * The complete records (RFC 4180) at the beginning of a text, which is a whole file or, unless `isLast`, a part of it.
 * Lines end with LF or CRLF. A quote within an unquoted field stands for itself.
 */
export function parseCsv(text: string, isLast: boolean): Records {
  const records: string[][] = []
  const comma = finder(text, ',')
  const line = finder(text, '\n')
  let end = 0
  let fields: string[] = []
  for (let at = 0; at < text.length || fields.length > 0;) {
    const isQuoted = text[at] === '"'
    const close = isQuoted ? closingQuote(text, at) : at
    if (close === -1)
      return isLast ? { records, end, problem: 'a quoted field has no end' } : { records, end }
    // After a closing quote, a field without a delimiter before the end of the text may go on in the next part.
    const after = Math.min(comma(close), line(close))
    if (after === text.length && !isLast) break
    const isEnd = text[after] !== ','
    const last = isEnd && after > close && text[after - 1] === '\r' ? after - 1 : after
    if (isQuoted && last !== close + 1)
      return { records, end, problem: 'there is text after the closing quote of a field' }
    fields.push(isQuoted ? text.slice(at + 1, close).replaceAll('""', '"') : text.slice(at, last))
    at = after + 1
    if (!isEnd) continue
    records.push(fields)
    fields = []
    end = Math.min(at, text.length)
  }
  return { records, end }
}

/** Positions that only grow: each part of the text is searched once. */
function finder(text: string, wanted: string): (from: number) => number {
  let found = -1
  return (from) => {
    if (found < from) found = text.indexOf(wanted, from)
    if (found === -1) found = text.length
    return found
  }
}

/** -1 if there is none. Two quotes stand for one that belongs to the field. */
function closingQuote(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (close !== -1 && text[close + 1] === '"') close = text.indexOf('"', close + 2)
  return close
}

/** One line. What spreadsheets would take for a formula is not changed: the fields can be read back exactly. */
export function csvLine(fields: readonly (string | number)[]): string {
  const quoted = fields.map((field) => {
    const text = String(field)
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${quoted.join(',')}\r\n`
}
