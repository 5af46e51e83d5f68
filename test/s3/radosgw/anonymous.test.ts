import { expect, it } from 'vitest'
import { bodyOf, failure, THOUSAND } from '../fixtures.ts'
import { PUBLIC_BUCKET } from '../provided.ts'
import { connect, connectAnonymously } from '../server.ts'

it('reads and lists a public bucket without credentials, and writes nothing', async () => {
  await connect(PUBLIC_BUCKET).put('anonymous/a.bin', THOUSAND)
  const backend = connectAnonymously(PUBLIC_BUCKET)
  expect(await bodyOf(await backend.get('anonymous/a.bin'))).toEqual(THOUSAND)
  expect(await backend.head('anonymous/none')).toBeNull()
  expect((await backend.list({ prefix: 'anonymous/' })).objects).toMatchObject([
    { name: 'anonymous/a.bin', size: 1000 },
  ])
  expect(await failure(backend.put('anonymous/b.bin', THOUSAND))).toMatchObject({ code: 'denied' })
  const open = await fetch(await backend.url('anonymous/a.bin', { base: 'https://media.example/' }))
  expect(new Uint8Array(await open.arrayBuffer())).toEqual(THOUSAND)
})

it('is denied by a private bucket', async () => {
  const backend = connectAnonymously('reading')
  expect(await failure(backend.get('thousand.bin'))).toMatchObject({ code: 'denied' })
  expect(await failure(backend.head('thousand.bin'))).toMatchObject({ code: 'denied' })
})
