const INERT = new Set([
  'text/plain',
  'text/css',
  'text/csv',
  'text/tab-separated-values',
  'text/markdown',
  'text/vtt',
  'text/calendar',
  // A script that is navigated to is shown as text.
  'text/javascript',
  'application/javascript',
  'application/json',
  'application/ld+json',
  'application/manifest+json',
  'application/geo+json',
  // Browsers' PDF viewers do not open in a sandbox.
  'application/pdf',
  'application/zip',
  'application/gzip',
  'application/ogg',
  'application/mp4',
  'application/vnd.apple.mpegurl',
  'application/x-mpegurl',
])
const INERT_FAMILIES = new Set(['image', 'audio', 'video', 'font'])
// No comma: two types in one header are read differently by different browsers.
const MEDIA_TYPE = /^[\t ]*([a-z0-9!#$&^_.+-]+)\/([a-z0-9!#$&^_.+-]+)[\t ]*(?:;[^,]*)?$/i

/**
 * Whether a browser that navigates to it might run it as a page of the site: HTML, SVG, all XML,
 * and whatever is unknown. Only what is known to be harmless is not.
 */
export function isActiveContent(contentType: string | undefined): boolean {
  const match = contentType === undefined ? null : MEDIA_TYPE.exec(contentType)
  if (!match) return true
  const family = (match[1] ?? '').toLowerCase()
  const subtype = (match[2] ?? '').toLowerCase()
  if (INERT.has(`${family}/${subtype}`)) return false
  return !INERT_FAMILIES.has(family) || subtype.includes('xml') || subtype.startsWith('svg')
}
