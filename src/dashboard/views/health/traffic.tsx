/** Filled in once the plots are there. */
export function Traffic() {
  return null
}
