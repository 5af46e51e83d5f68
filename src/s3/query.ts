import { S3ApiError } from './errors.ts'

/** One parameter of a query, not decoded; without `=`, the value is empty. */
export type RawParameter = readonly [name: string, value: string]

/** The parameters of a URL in the order in which they were sent. A `+` is a space here, so it becomes `%20`. */
export function rawQuery(url: string): RawParameter[] {
  const start = url.indexOf('?')
  if (start < 0) return []
  const end = url.indexOf('#', start)
  const query = url.slice(start + 1, end < 0 ? undefined : end).replaceAll('+', '%20')
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=')
      return equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
    })
}

/** Decodes percent escapes. A plus sign stays one. */
export function decodeComponent(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new S3ApiError('InvalidURI', 'the URL contains a percent escape that is not UTF-8', { cause })
  }
}
