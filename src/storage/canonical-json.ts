/** The same for the same values, in whichever order an object has its keys. `undefined` for `undefined`. */
export function canonicalJson(value: unknown): string | undefined {
  return JSON.stringify(value, sortKeys)
}

function sortKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
