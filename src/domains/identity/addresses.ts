import { BlockList, isIP, isIPv4 } from 'node:net';

const family = (address: string) => (isIPv4(address) ? 'ipv4' : 'ipv6');

/** An address or a network in CIDR notation (RFC 4632): `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. */
export const isNetwork = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/');
  if (isIP(address) === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(address) ? 32 : 128));
};

/** IPv4 in the form that a socket of both families reports, `::ffff:192.0.2.7`, as plain IPv4. */
const plain = (address: string): string => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;

/** Whether an address is one of these or lies in one of these networks. */
export const isWithin = (address: string, networks: readonly string[]): boolean => {
  const list = new BlockList();
  for (const network of networks) {
    const [start = '', bits] = network.split('/');
    if (bits === undefined) list.addAddress(start, family(start));
    else list.addSubnet(start, Number(bits), family(start));
  }
  const from = plain(address);
  return isIP(from) !== 0 && list.check(from, family(from));
};
