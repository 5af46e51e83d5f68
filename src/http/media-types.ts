import type { ObjectInfo } from '../storage/object.ts'

/** The types of media, each with its extensions. All types that `mime` knows would add a sixth to the Worker's bundle. */
const TYPES = `
image/jpeg jpg jpeg jpe jfif
image/png png
image/apng apng
image/gif gif
image/webp webp
image/avif avif
image/jxl jxl
image/heic heic
image/heif heif
image/bmp bmp
image/tiff tif tiff
image/svg+xml svg svgz
image/x-icon ico
image/vnd.adobe.photoshop psd
video/mp4 mp4 m4v
video/iso.segment m4s
video/mp2t ts mts m2ts
video/mpeg mpg mpeg
video/webm webm
video/ogg ogv
video/quicktime mov qt
video/x-matroska mkv
video/x-msvideo avi
video/x-ms-wmv wmv
video/x-flv flv
video/3gpp 3gp
audio/mpeg mp3
audio/mp4 m4a m4b
audio/aac aac
audio/ogg ogg oga opus
audio/flac flac
audio/wav wav
audio/webm weba
audio/aiff aif aiff
audio/midi mid midi
application/vnd.apple.mpegurl m3u8
audio/mpegurl m3u
application/dash+xml mpd
text/vtt vtt
application/x-subrip srt
application/ttml+xml ttml
font/woff2 woff2
font/woff woff
font/ttf ttf
font/otf otf
font/collection ttc
application/vnd.ms-fontobject eot
text/plain txt text log
text/html html htm
application/xhtml+xml xhtml
text/css css
text/javascript js mjs
text/csv csv
text/tab-separated-values tsv
text/markdown md markdown
text/calendar ics
text/vcard vcf
application/json json map
application/ld+json jsonld
application/geo+json geojson
application/manifest+json webmanifest
application/xml xml xsl
application/rss+xml rss
application/atom+xml atom
application/yaml yaml yml
application/wasm wasm
application/pdf pdf
application/rtf rtf
application/postscript ps eps ai
application/epub+zip epub
application/msword doc
application/vnd.ms-excel xls
application/vnd.ms-powerpoint ppt
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.oasis.opendocument.text odt
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.presentation odp
application/zip zip
application/gzip gz tgz
application/x-bzip2 bz2
application/x-xz xz
application/zstd zst
application/x-tar tar
application/x-7z-compressed 7z
application/vnd.rar rar
model/gltf-binary glb
model/gltf+json gltf
model/stl stl`

const TYPE_BY_EXTENSION = new Map(
  TYPES.trim()
    .split('\n')
    .flatMap((line) => {
      const [type = '', ...extensions] = line.split(' ')
      return extensions.map((extension) => [extension, type] as const)
    }),
)

/** The type of a name's extension. A leading dot does not begin an extension. */
export function typeOfName(name: string): string | undefined {
  const extension = /[^/]\.([^./]+)$/.exec(name)?.[1]
  return extension === undefined ? undefined : TYPE_BY_EXTENSION.get(extension.toLowerCase())
}

/** The object, with the type of its name if its backend has none: because of `nosniff`, browsers don't guess. */
export function withTypeOfName<Info extends ObjectInfo>(info: Info): Info {
  if (info.contentType !== undefined) return info
  const contentType = typeOfName(info.name)
  return contentType === undefined ? info : { ...info, contentType }
}

const INERT = new Set([
  'text/plain',
  'text/css',
  'text/csv',
  'text/tab-separated-values',
  'text/markdown',
  'text/vtt',
  'text/calendar',
  // Browsers show a script as text if they navigate to it.
  'text/javascript',
  'application/javascript',
  'application/json',
  'application/ld+json',
  'application/manifest+json',
  'application/geo+json',
  // Browsers do not open their PDF viewers in a sandbox.
  'application/pdf',
  'application/zip',
  'application/gzip',
  'application/ogg',
  'application/mp4',
  'application/vnd.apple.mpegurl',
  'application/x-mpegurl',
])
const INERT_FAMILIES = new Set(['image', 'audio', 'video', 'font'])
// No comma: browsers interpret two types in one header differently.
const MEDIA_TYPE = /^[\t ]*([a-z0-9!#$&^_.+-]+)\/([a-z0-9!#$&^_.+-]+)[\t ]*(?:;[^,]*)?$/i

/**
 * Whether a browser that navigates to it might run it as a page of the site: HTML, SVG, all XML, and every type that is
 * not known to be harmless.
 */
export function isActiveContent(contentType: string | undefined): boolean {
  if (contentType === undefined) return true
  if (INERT.has(contentType)) return false
  const match = MEDIA_TYPE.exec(contentType)
  if (!match) return true
  const family = (match[1] ?? '').toLowerCase()
  const subtype = (match[2] ?? '').toLowerCase()
  if (INERT.has(`${family}/${subtype}`)) return false
  return !INERT_FAMILIES.has(family) || subtype.includes('xml') || subtype.startsWith('svg')
}

// Most objects have one of these, which need not be parsed then.
for (const type of TYPE_BY_EXTENSION.values()) if (!isActiveContent(type)) INERT.add(type)
