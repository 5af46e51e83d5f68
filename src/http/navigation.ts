/** An Accept that prefers HTML, as browsers send it. */
const PREFERS_HTML = /^\s*text\/html\s*(?:,|$)/i

/** Whether a browser wants to show the answer as a page. Those that don't send Sec-Fetch-Mode ask for HTML first. */
export function isNavigation({ headers }: Pick<Request, 'headers'>): boolean {
  const mode = headers.get('Sec-Fetch-Mode')
  return mode === null ? PREFERS_HTML.test(headers.get('Accept') ?? '') : mode === 'navigate'
}
