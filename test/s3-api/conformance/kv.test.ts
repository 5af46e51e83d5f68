import { mediaKv } from '../../kit/app.ts'
import { fails, get, type Group, gone, ok, post, put, row } from './case.ts'
import { runGroups, type Site } from './run.ts'
import { nextPrefix, openWith, seedInto } from './sites.ts'
import { smaller } from './table.ts'

async function openKv(): Promise<Site> {
  const prefix = nextPrefix()
  return openWith({ FALLBACK_STORAGES: [{ type: 'kv', binding: 'MEDIA_KV', prefix }] }, (objects) =>
    seedInto(mediaKv, prefix, objects),
  )
}

const LIMITS: Group = {
  name: 'what KV cannot do',
  cases: [
    row('multipart uploads', {}, post('a', { uploads: '' }), fails('NotImplemented'), get('a'), gone),
    row(
      'names of more than 512 bytes',
      {},
      put('k'.repeat(600), 'x'),
      fails(['KeyTooLongError', 'NotImplemented', 'InvalidArgument']),
    ),
    row(
      'values of 300,000 bytes are no problem',
      {},
      put('a', 'abc'.repeat(100_000)),
      ok(),
      get('a'),
      ok('abc'.repeat(100_000)),
    ),
  ],
}

runGroups([...smaller('KV'), LIMITS], 'KV', openKv)
