export interface FilterOptions {
  include?: string[]
  exclude?: string[]
}

/** Whether a name, relative to the folder or prefix, is to be transferred. */
export type Filter = (name: string) => boolean

/** Names that match an `include`, or all if there is none, except those that match an `exclude`. */
export function createFilter({ include = [], exclude = [] }: FilterOptions): Filter {
  const included = include.map(matcher)
  const excluded = exclude.map(matcher)
  return (name) =>
    (included.length === 0 || included.some((matches) => matches(name))) &&
    !excluded.some((matches) => matches(name))
}

/**
 * As in .gitignore, a pattern with a slash is compared with the whole name, any other with its last part. One that ends in
 * a slash matches what is in the folder.
 */
function matcher(pattern: string): Filter {
  if (pattern.endsWith('/')) return matcher(`${/^[^/]+\/$/.test(pattern) ? '**/' : ''}${pattern}**`)
  const expression = new RegExp(`^${pattern.replace(/^\//, '').replaceAll(TOKENS, translate)}$`, 'su')
  if (pattern.includes('/')) return (name) => expression.test(name)
  return (name) => expression.test(name.slice(name.lastIndexOf('/') + 1))
}

const TOKENS = /\*\*\/|\*\*|\*|\?|[\\^$.|+()[\]{}]/g
const WILDCARDS: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' }

function translate(token: string): string {
  return WILDCARDS[token] ?? `\\${token}`
}
