import { bytesBody } from '../../bodies/fixed-length.ts'
import { typeOfName } from '../../http/media-types.ts'
import type { Backend } from '../../storage/backend.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import type { Trace } from '../../storage/trace.ts'
import { cutPart } from '../ranges.ts'

/**
 * The chain, except that pictures that no backend has are answered by a placeholder of this name. What has been deleted
 * stays absent, and failures stay failures. For reads of media only.
 */
export function withPlaceholder<Chain extends Backend>(chain: Chain, backend: string): Chain {
  const standIn = (name: string, trace: Trace): Placeholder | null => {
    if (trace.some(({ detail }) => detail === 'deleted')) return null
    const placeholder = placeholderFor(name, backend)
    if (placeholder) trace.push({ backend, outcome: 'hit', duration: 0 })
    return placeholder
  }
  return {
    ...chain,
    async get(name, { trace = [], ...options } = {}) {
      const found = await chain.get(name, { ...options, trace })
      if (found) return found
      const placeholder = standIn(name, trace)
      if (!placeholder) return null
      const { info, bytes } = placeholder
      return cutPart({ ...info, body: bytesBody(bytes) }, options.range)
    },
    async head(name, { trace = [], ...options } = {}) {
      return (await chain.head(name, { ...options, trace })) ?? standIn(name, trace)?.info ?? null
    },
  }
}

interface Placeholder {
  info: ObjectInfo
  bytes: Uint8Array
}

/** Types that browsers show in pages, where an SVG can take their place. */
const SHOWN = /^image\/(?:jpeg|a?png|gif|webp|avif|jxl|bmp|svg\+xml)$/

/** One transparent pixel. */
const PIXEL = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'

function placeholderFor(name: string, backend: string): Placeholder | null {
  const type = typeOfName(name)
  if (!type?.startsWith('image/')) return null
  const isShown = SHOWN.test(type)
  const bytes = isShown ? new TextEncoder().encode(svg(sizeIn(name))) : Uint8Array.fromBase64(PIXEL)
  const contentType = isShown ? 'image/svg+xml' : 'image/gif'
  const info = { name, backend, size: bytes.length, contentType, cacheControl: 'no-store' }
  return { info: { ...info, substitute: 'placeholder' }, bytes }
}

/** Without a size, it takes the space that the page gives it. */
function svg([width, height]: readonly string[]): string {
  const size = width === undefined ? '' : ` width="${width}" height="${height}"`
  const label = width === undefined ? '' : `${width} × ${height}`
  return `<svg xmlns="http://www.w3.org/2000/svg"${size}><rect width="100%" height="100%" fill="#ddd"/><text x="50%" y="50%" text-anchor="middle" font-family="sans-serif">${label}</text></svg>`
}

/** The width and height that the name suggests, a square if it suggests only one, or nothing. */
export function sizeIn(name: string): readonly string[] {
  const both = [...name.matchAll(BOTH)].at(-1)
  if (both) return both.slice(1)
  const width = WIDTH.exec(name)?.[1]
  const height = HEIGHT.exec(name)?.[1]
  return [width ?? height, height ?? width].filter((size) => size !== undefined)
}

const BOTH = /(?<![a-z\d])([1-9]\d{0,3})x([1-9]\d{0,3})(?![a-z\d])/gi
/** After `scale`, two digits are a percentage. */
const WIDTH = /(?<![a-z\d])(?:w(?:idth)?|max|scale(?=.?\d{3}))[-_=]?([1-9]\d{1,3})(?![a-z\d])/i
const HEIGHT = /(?<![a-z\d])h(?:eight)?[-_=]?([1-9]\d{1,3})(?![a-z\d])/i
