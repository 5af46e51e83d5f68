import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { useDeployment } from './deployment.ts'
import { records } from './run.ts'

const deployment = useDeployment()

describe('put', () => {
  it.each([
    { name: 'a.svg', type: 'image/svg+xml' },
    { name: 'b.mp4', type: 'video/mp4' },
    { name: 'c.webp', type: 'image/webp' },
    { name: 'd', type: 'application/octet-stream' },
  ])('stores $name as $type', async ({ name, type }) => {
    await deployment.put(name, 'x')
    const head = await deployment.site.fetch(name, { method: 'HEAD' })
    expect(head.headers.get('content-type')).toBe(type)
  })

  it('stores the type, Cache-Control and metadata it is given', async () => {
    const flags = ['--content-type', 'text/css', '--cache-control', 'max-age=5', '--meta', 'owner=me=you']
    expect(await deployment.cli(['put', '-', 'kept', ...flags], { stdin: 'x' })).toMatchObject({ code: 0 })
    const { headers } = await deployment.site.fetch('kept', { method: 'HEAD' })
    expect(headers.get('content-type')).toBe('text/css')
    expect(headers.get('cache-control')).toBe('max-age=5')
    expect(headers.get('x-amz-meta-owner')).toBe('me=you')
  })

  it.each(['plain', 'ünïcödé 😀', 'two\nlines', '=?UTF-8?B?YQ==?='])(
    'keeps any metadata value intact: %j',
    async (value) => {
      const ran = await deployment.cli(['put', '-', 'described', '--meta', `about=${value}`], { stdin: 'x' })
      expect(ran).toMatchObject({ code: 0 })
      const { headers } = await deployment.site.fetch('described', { method: 'HEAD' })
      const header = headers.get('x-amz-meta-about') ?? ''
      const base64 = /^=\?UTF-8\?B\?(.*)\?=$/.exec(header)?.[1]
      expect(base64 === undefined ? header : Buffer.from(base64, 'base64').toString()).toBe(value)
    },
  )

  it('appends the file name if the name ends in a slash', async () => {
    await writeFile(join(deployment.folder, 'own name.txt'), 'x')
    expect(
      records(await deployment.cli(['put', join(deployment.folder, 'own name.txt'), 'into/', '--json'])),
    ).toEqual([{ name: 'into/own name.txt', size: 1, created: true, etag: expect.any(String) }])
  })

  it('never replaces an object with --create', async () => {
    await deployment.put('once.txt', 'first')
    const { code, stderr } = await deployment.cli(['put', '-', 'once.txt', '--create'], { stdin: 'second' })
    expect(code).toBe(3)
    expect(stderr).toContain('Precondition failed')
    expect((await deployment.cli(['get', 'once.txt', '-'])).stdout).toBe('first')
  })

  it('prints the name it chose with --available', async () => {
    await deployment.put('taken.txt', 'first')
    const { code, stdout } = await deployment.cli(['put', '-', 'taken.txt', '--available'], {
      stdin: 'second',
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^taken_\w{7}\.txt\n$/)
    expect((await deployment.cli(['get', stdout.trim(), '-'])).stdout).toBe('second')
  })

  it('sends a checksum with --checksum', async () => {
    await writeFile(join(deployment.folder, 'checked'), 'checked')
    expect(
      await deployment.cli(['put', '--checksum', join(deployment.folder, 'checked'), 'checked']),
    ).toMatchObject({ code: 0 })
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
    const { code, stderr } = await deployment.cli(args)
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })
})
