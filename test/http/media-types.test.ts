import { describe, expect, it } from 'vitest'
import { typeOfName } from '../../src/http/media-types.ts'

describe('typeOfName()', () => {
  it.each([
    ['a.jpg', 'image/jpeg'],
    ['a.JPEG', 'image/jpeg'],
    ['a/b.tar.gz', 'application/gzip'],
    ['a.avif', 'image/avif'],
    ['a.webm', 'video/webm'],
    ['a.mov', 'video/quicktime'],
    ['live/index.m3u8', 'application/vnd.apple.mpegurl'],
    ['live/0.ts', 'video/mp2t'],
    ['live/0.m4s', 'video/iso.segment'],
    ['live/index.mpd', 'application/dash+xml'],
    ['a.opus', 'audio/ogg'],
    ['a.flac', 'audio/flac'],
    ['a.woff2', 'font/woff2'],
    ['a.pdf', 'application/pdf'],
    ['a.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['a.vtt', 'text/vtt'],
    ['a.srt', 'application/x-subrip'],
    ['a.wasm', 'application/wasm'],
    ['a.json', 'application/json'],
    ['a.css', 'text/css'],
    ['a.mjs', 'text/javascript'],
    ['a.svg', 'image/svg+xml'],
    ['a.html', 'text/html'],
  ])('knows %s', (name, type) => {
    expect(typeOfName(name)).toBe(type)
  })

  it.each(['', 'jpg', '.jpg', 'a/.jpg', 'a.', 'a.jpg/', 'a.jpg/b', 'a.unheard', 'a.constructor', 'a.jpg '])(
    'has no type for %j',
    (name) => {
      expect(typeOfName(name)).toBeUndefined()
    },
  )
})
