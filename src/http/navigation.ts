/** Whether a browser wants to show the answer as a page. Browsers that don't send Sec-Fetch-Mode ask for HTML. */
export function isNavigation({ headers }: Pick<Request, 'headers'>): boolean {
  const mode = headers.get('Sec-Fetch-Mode')
  return mode === null ? headers.get('Accept')?.includes('text/html') === true : mode === 'navigate'
}
