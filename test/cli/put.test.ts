import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeWords } from '../../src/http/encoded-word.ts'
import { records, useDemo, type Demo } from './run.ts'

let stack: Demo['stack']
let cli: Demo['cli']
let folder: Demo['folder']
let put: Demo['put']
useDemo((demo) => void ({ stack, cli, folder, put } = demo))

describe('put', () => {
  it.each([
    { name: 'a.svg', type: 'image/svg+xml' },
    { name: 'b.mp4', type: 'video/mp4' },
    { name: 'c.webp', type: 'image/webp' },
    { name: 'd', type: 'application/octet-stream' },
  ])('stores $name as $type', async ({ name, type }) => {
    await put(name, 'x')
    const head = await fetch(stack.worker.url + name, { method: 'HEAD' })
    expect(head.headers.get('content-type')).toBe(type)
  })

  it('keeps type, cache control and metadata that it is given', async () => {
    const flags = ['--content-type', 'text/css', '--cache-control', 'max-age=5', '--meta', 'owner=me=you']
    expect(await cli(['put', '-', 'kept', ...flags], { stdin: 'x' })).toMatchObject({ code: 0 })
    const { headers } = await fetch(`${stack.worker.url}kept`, { method: 'HEAD' })
    expect(headers.get('content-type')).toBe('text/css')
    expect(headers.get('cache-control')).toBe('max-age=5')
    expect(headers.get('x-amz-meta-owner')).toBe('me=you')
  })

  it.each(['plain', 'ünïcödé 😀', 'two\nlines', '=?UTF-8?B?YQ==?='])(
    'keeps metadata whatever is in it: %j',
    async (value) => {
      const ran = await cli(['put', '-', 'described', '--meta', `about=${value}`], { stdin: 'x' })
      expect(ran).toMatchObject({ code: 0 })
      const { headers } = await fetch(`${stack.worker.url}described`, { method: 'HEAD' })
      expect(decodeWords(headers.get('x-amz-meta-about') ?? '')).toBe(value)
    },
  )

  it('puts a file into a folder under its own name', async () => {
    await writeFile(join(folder, 'own name.txt'), 'x')
    expect(records(await cli(['put', join(folder, 'own name.txt'), 'into/', '--json']))).toEqual([
      { name: 'into/own name.txt', size: 1, created: true, etag: expect.any(String) },
    ])
  })

  it('does not replace with --create', async () => {
    await put('once.txt', 'first')
    const { code, stderr } = await cli(['put', '-', 'once.txt', '--create'], { stdin: 'second' })
    expect(code).toBe(3)
    expect(stderr).toContain('A condition does not hold')
    expect((await cli(['get', 'once.txt', '-'])).stdout).toBe('first')
  })

  it('prints the name that it took with --available', async () => {
    await put('taken.txt', 'first')
    const { code, stdout } = await cli(['put', '-', 'taken.txt', '--available'], { stdin: 'second' })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^taken_\w{7}\.txt\n$/)
    expect((await cli(['get', stdout.trim(), '-'])).stdout).toBe('second')
  })

  it('lets the Worker check what arrives with --checksum', async () => {
    await writeFile(join(folder, 'checked'), 'checked')
    expect(await cli(['put', '--checksum', join(folder, 'checked'), 'checked'])).toMatchObject({ code: 0 })
  })

  it.each([
    { args: ['put', '/no/such/file', 'x'], says: 'no such file' },
    { args: ['put', '.', 'x'], says: 'is not a file' },
    { args: ['put', '-'], says: 'standard input has no name' },
    { args: ['put', '-', 'x', '--meta', 'nonsense'], says: 'key=value' },
    { args: ['put', '-', 'x', '--content-type', 'text/😀'], says: 'one line of ASCII' },
    { args: ['put', '-', 'x', '--cache-control', 'a\nb'], says: 'one line of ASCII' },
    { args: ['put', '-', 'x', '--create', '--available'], says: 'exclude each other' },
  ])('refuses $args', async ({ args, says }) => {
    const { code, stderr } = await cli(args)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })
})
