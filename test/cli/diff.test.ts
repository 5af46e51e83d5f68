import { mkdir } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { useDeployment } from './deployment.ts'
import { records } from './run.ts'

const deployment = useDeployment()

it('lists what only one of two backends has, and what differs', async () => {
  const { site, cli } = deployment
  for (const name of ['same', 'first', 'size', 'bytes']) await site.bucket.put(`d/${name}`, 'one')
  const { code, stdout, stderr } = await cli(['diff', 'media', 'media_kv', 'd/'])
  expect(stdout).toBe(
    ['bytes', 'first', 'same', 'size'].map((name) => `only in media     d/${name}\n`).join(''),
  )
  expect(stderr).toBe('4 only in media, 0 only in media_kv, 0 different, 0 equal, 0 equal by size\n')
  expect(code).toBe(3)
})

it('compares sizes if the ETags are no digests, and names the sizes', async () => {
  const { site, cli } = deployment
  await mkdir(deployment.media.file('e'))
  for (const [name, text] of Object.entries({ same: 'one', size: 'longer', 'ünï (1)': 'x' }))
    await deployment.media.add(`e/${name}`, Buffer.from(text))
  for (const name of ['same', 'size']) await site.bucket.put(`e/${name}`, 'one')
  const { code, stdout, stderr } = await cli(['diff', 'legacy', 'media', 'e/'])
  expect(stdout).toBe('different       e/size  (6 B, 3 B)\nonly in legacy  e/ünï (1)\n')
  expect(stderr).toBe('1 only in legacy, 0 only in media, 1 different, 0 equal, 1 equal by size\n')
  expect(code).toBe(3)
  const all = records(await cli(['diff', 'legacy', 'media', 'e/', '--json']))
  expect(all).toEqual([
    {
      name: 'e/size',
      kind: 'different',
      first: { size: 6, etag: null, modified_time: expect.stringMatching(/^\d{4}-.*Z$/) },
      second: { size: 3, etag: expect.stringMatching(/^"[\da-f]{32}"$/), modified_time: expect.any(String) },
    },
    { name: 'e/ünï (1)', kind: 'only_in_first', first: expect.objectContaining({ size: 1 }), second: null },
    { kind: 'summary', only_in_first: 1, only_in_second: 0, different: 1, equal: 0, equal_by_size: 1 },
  ])
})

it('exits with 0 if nothing differs', async () => {
  await deployment.put('f/a', 'one')
  const { code, stdout, stderr } = await deployment.cli(['diff', 'media', 'media', 'f/'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toBe('0 only in media, 0 only in media, 0 different, 1 equal, 0 equal by size\n')
})

it.each([
  { what: 'is unknown', args: ['media', 'nowhere'], code: 2, says: 'there is no backend "nowhere"' },
  { what: 'has a reserved prefix', args: ['--', 'media', 'legacy', '-/x'], code: 2, says: 'is reserved' },
])('exits with $code if a backend $what', async ({ args, code, says }) => {
  const ran = await deployment.cli(['diff', ...args])
  expect(ran.stderr).toContain(says)
  expect(ran.code).toBe(code)
})

it('fails rather than call what it could not list missing', async () => {
  await deployment.put('g/a', 'one')
  await deployment.origin.close()
  const { code, stdout, stderr } = await deployment.cli(['diff', 'media', 'legacy', 'g/'])
  expect(stderr).toMatch(/^error: /)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
})
