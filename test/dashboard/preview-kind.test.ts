import { describe, expect, it } from 'vitest'
import { hexDump } from '../../src/dashboard/parts/hex-dump.ts'
import { previewKind } from '../../src/dashboard/parts/preview-kind.ts'

describe('how an object is previewed', () => {
  it.each([
    ['a.jpg', undefined, 'image'],
    ['a', 'image/png', 'image'],
    ['logo.svg', 'image/svg+xml', 'image'],
    ['a.mp4', 'application/octet-stream', 'video'],
    ['a.mp3', '', 'audio'],
    ['a', 'Application/PDF', 'pdf'],
    ['page.html', 'text/html; charset=utf-8', 'text'],
    ['feed', 'application/atom+xml', 'text'],
    ['data', 'application/json', 'text'],
    ['README.md', undefined, 'text'],
    ['a.zip', undefined, 'binary'],
    ['a.jpg.exe', undefined, 'binary'],
    ['no-extension', undefined, 'binary'],
  ])('%s of type %s as %s', (name, type, kind) => {
    expect(previewKind(name, type)).toBe(kind)
  })

  it('by the type where it contradicts the extension', () => {
    expect(previewKind('a.jpg', 'text/html')).toBe('text')
    expect(previewKind('a.html', 'application/zip')).toBe('binary')
  })
})

describe('a hex dump', () => {
  it('has rows of 8 bytes with their characters', () => {
    const bytes = new TextEncoder().encode('RIFF\0\u007f…WEB')
    expect(hexDump(bytes)).toBe(
      ['0000  52 49 46 46 00 7f e2 80  RIFF....', '0008  a6 57 45 42              .WEB'].join('\n'),
    )
  })
})
