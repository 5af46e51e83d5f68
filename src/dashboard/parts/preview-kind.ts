export type PreviewKind = 'image' | 'video' | 'audio' | 'pdf' | 'text' | 'binary'

const BY_EXTENSION: readonly [PreviewKind, RegExp][] = [
  ['image', /\.(?:apng|avif|bmp|gif|ico|jfif|jpe?g|png|svg|webp)$/i],
  ['video', /\.(?:m4v|mov|mp4|ogv|webm)$/i],
  ['audio', /\.(?:aac|flac|m4a|mp3|oga|ogg|opus|wav|weba)$/i],
  ['pdf', /\.pdf$/i],
  [
    'text',
    /\.(?:conf|cfg|css|csv|htm|html|ini|js|json|jsonl|log|map|md|mjs|ndjson|srt|sql|toml|ts|tsv|txt|vtt|xhtml|xml|ya?ml)$/i,
  ],
]

const BY_TYPE: readonly [PreviewKind, RegExp][] = [
  ['image', /^image\//],
  ['video', /^video\//],
  ['audio', /^audio\//],
  ['pdf', /^application\/pdf$/],
  ['text', /^text\/|[/+](?:json|xml|javascript|x-ndjson|yaml|x-yaml|toml|sql|x-sh)$/],
]

/** What servers send for files that they do not know. */
const UNSPECIFIC = ['', 'application/octet-stream', 'binary/octet-stream']

/** How an object is shown: by its type, or by the name's extension if the type says nothing. */
export function previewKind(name: string, contentType = ''): PreviewKind {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const [table, text] = UNSPECIFIC.includes(type) ? [BY_EXTENSION, name] : [BY_TYPE, type]
  return table.find(([, pattern]) => pattern.test(text))?.[0] ?? 'binary'
}
