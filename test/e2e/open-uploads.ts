import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Every upload that was started in the simulator's R2, by its outcome. */
export interface MultipartUploads {
  ended: number
  /** Keys of open uploads that have parts. */
  openWithParts: string[]
  openAndEmpty: number
}

const QUERY = `
  SELECT key, state, (SELECT COUNT(*) FROM _mf_multipart_parts AS part WHERE part.upload_id = upload.upload_id) AS parts
  FROM _mf_multipart_uploads AS upload`

/** Read from the simulator's own files while it is stopped, because its S3 endpoint cannot list uploads. */
export async function multipartUploads(folder: string): Promise<MultipartUploads> {
  const uploads: MultipartUploads = { ended: 0, openWithParts: [], openAndEmpty: 0 }
  for (const file of await readdir(folder, { recursive: true })) {
    if (!/r2[/\\].*\.sqlite$/.test(file)) continue
    const database = new DatabaseSync(join(folder, file))
    try {
      if (!database.prepare("SELECT 1 FROM sqlite_master WHERE name = '_mf_multipart_uploads'").get())
        continue
      for (const { key, state, parts } of database.prepare(QUERY).all()) {
        if (state !== 0) uploads.ended += 1
        else if (parts === 0) uploads.openAndEmpty += 1
        else uploads.openWithParts.push(String(key))
      }
    } finally {
      database.close()
    }
  }
  return uploads
}
