/** One parameter of a query, both parts as they were sent; without `=`, the value is empty. */
export type RawParameter = readonly [name: string, value: string]

/** The parameters of a URL in the order in which they were sent, not decoded. */
export function rawQuery(url: string): RawParameter[] {
  const start = url.indexOf('?')
  if (start < 0) return []
  const end = url.indexOf('#', start)
  const parts = url.slice(start + 1, end < 0 ? undefined : end).split('&')
  return parts
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=')
      return equals < 0 ? [part, ''] : [part.slice(0, equals), part.slice(equals + 1)]
    })
}
