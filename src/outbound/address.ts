import ipaddr from 'ipaddr.js';

/** All that is handed out to hosts on the internet is in here (RFC 4291, 2.4); what lies outside tunnels, maps or is free. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');
/** Looks public, and is the virtual host of each Azure machine, which hands out its secrets. */
const azureHost = '168.63.129.16';

/**
 * Whether an address, without brackets, is one of a host on the internet. Everything that the registries of special addresses name (RFC
 * 6890) is not, and neither is IPv6 that holds an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo): who translates it decides where it leads.
 */
export const isPublicAddress = (address: string): boolean => {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv6 ? parsed.match(globalUnicast) : parsed.toString() !== azureHost;
};
