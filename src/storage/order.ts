/**
 * Compares names as their UTF-8 bytes do, the order that every backend lists in.
 *
 * JavaScript's own order is that of UTF-16 units, where a surrogate pair (U+10000 and above) sorts before U+E000–FFFF.
 */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Moves surrogates above every other unit: what follows a common start decides, and pairs are the larger code points. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

/** Why a listing of these names, of which the page before ended with `before`, may lack some; undefined if they are in order. */
export function disorderOf(
  names: readonly { name: string }[],
  before: string | undefined,
): string | undefined {
  let last = before
  for (const { name } of names) {
    // A page may begin with the name that the one before ended with.
    if (last !== undefined && compareNames(name, last) < 0)
      return `lists "${name}" after "${last}", which is not the order of their UTF-8 bytes: some names would be missed`
    last = name
  }
  return undefined
}
