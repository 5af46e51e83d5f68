# aws-sdk-s3, which ActiveStorage uses.
require 'aws-sdk-s3'
require 'digest'
require 'net/http'

BUCKET, PREFIX, OUT, TREE, BIG = ENV.values_at('BUCKET', 'PREFIX', 'OUT', 'TREE', 'BIG')
CA_FILE = ENV['CA_FILE'].empty? ? nil : ENV['CA_FILE']
# In a handler: this version has no parameter for it.
class OnlyIfAbsent < Seahorse::Client::Handler
  def call(context)
    context.http_request.headers['If-None-Match'] = '*' if $only_if_absent
    @handler.call(context)
  end
end
Aws::S3::Client.add_plugin(Class.new(Seahorse::Client::Plugin) { handler(OnlyIfAbsent, step: :build) })
S3 = Aws::S3::Client.new(
  endpoint: ENV.fetch('S3_ENDPOINT'), region: 'auto', force_path_style: true, **(CA_FILE ? { ssl_ca_bundle: CA_FILE } : {})
)
AREA = Aws::S3::Resource.new(client: S3).bucket(BUCKET)

def result(step, text) = File.binwrite(File.join(OUT, step), text)
def object(name) = AREA.object(PREFIX + name)
def read(name, **options) = object(name).get(**options).body.read
def keys(prefix) = AREA.objects(prefix: prefix).map { |found| found.key.delete_prefix(PREFIX) }
def lines(names) = names.sort_by(&:b).map { |name| "#{name}\n" }.join
def sha256(bytes) = Digest::SHA256.hexdigest(bytes)

def manifest(folder)
  keys(PREFIX + folder).sort_by(&:b).map { |name| "#{sha256(read(name))}  #{name.delete_prefix(folder)}\n" }.join
end

def request(method, url, body = nil)
  uri = URI(url)
  options = uri.scheme == 'https' ? { use_ssl: true, ca_file: CA_FILE } : {}
  Net::HTTP.start(uri.host, uri.port, **options) do |http|
    answer = http.send_request(method, uri.request_uri, body)
    answer.is_a?(Net::HTTPSuccess) ? answer.body : raise("#{method} #{answer.code}: #{answer.body}")
  end
end

found = S3.list_objects_v2(bucket: BUCKET, prefix: PREFIX, delimiter: '/')
result('folders', lines(found.common_prefixes.map { |entry| entry.prefix.delete_prefix(PREFIX) }))

result('ranges', ['10-14', '-3'].map { |range| read('seed/digits.txt', range: "bytes=#{range}") }.join)

Dir.glob('**/*', File::FNM_DOTMATCH, base: TREE).each do |name|
  file = File.join(TREE, name)
  object("names/#{name}").put(body: File.binread(file)) if File.file?(file)
end
result('names', manifest('names/'))
exit unless ENV['BRIEF'].empty?

object('big.bin').upload_file(BIG, multipart_threshold: 8 << 20)
object('big.bin').download_file('big.bin')
result('big', "#{sha256(File.binread('big.bin'))}\n")

object('big-copy.bin').copy_from(object('seed/big.bin'), multipart_copy: true, min_part_size: 8 << 20, content_length: File.size(BIG))
result('copied-big', "#{sha256(read('big-copy.bin'))}\n")

result('seeded', manifest('seed/'))

object('copy.txt').copy_from(object('seed/digits.txt'))
result('copied', read('copy.txt'))

$only_if_absent = true
S3.put_object(bucket: BUCKET, key: "#{PREFIX}once.txt", body: 'first')
begin
  S3.put_object(bucket: BUCKET, key: "#{PREFIX}once.txt", body: 'second')
  raise 'stored twice'
rescue Aws::S3::Errors::PreconditionFailed
  $only_if_absent = false
end
result('conditional-write', read('once.txt'))

doomed = [0, 2, 4, 6, 8].map { |i| { key: "#{PREFIX}doomed/#{i}.txt" } }
errors = S3.delete_objects(bucket: BUCKET, delete: { objects: doomed }).errors
raise errors.inspect unless errors.empty?

result('deleted', lines(keys("#{PREFIX}doomed/")))
result('listed', lines(keys('many/')))

result('presigned-get', request('GET', object('seed/digits.txt').presigned_url(:get)))
request('PUT', object('presigned.txt').presigned_url(:put), 'put by URL')
result('presigned-put', read('presigned.txt'))
